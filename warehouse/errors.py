"""What can go wrong, one class per consequence: who catches it decides by class, never by text."""


class WarehouseError(Exception):
    """Base of everything we raise on purpose: what happened, expected, got, and what to do."""

    def __init__(
        self,
        what: str,
        *,
        expected: object = None,
        got: object = None,
        remedy: str | None = None,
    ) -> None:
        """Compose a message of up to four parts; parts that are None are left out."""
        self.what, self.expected, self.got, self.remedy = what, expected, got, remedy
        parts = [what]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        message = "; ".join(part.rstrip(".\n ") for part in parts) + "."
        super().__init__(f"{message} {remedy}" if remedy else message)


class ConfigurationError(WarehouseError):
    """The installation or its settings are wrong; nothing was done."""


class SourceUnavailable(WarehouseError):
    """A publisher did not answer, or not with data. Worth another try later."""


class NotRecorded(SourceUnavailable):
    """The recorded transport holds no such URL. Another try gives the same answer."""


class ContractViolation(WarehouseError):
    """A payload is not what its table's contract promises. The bytes are kept; the rows are refused."""


class EmptyPayload(ContractViolation):
    """A payload has no row at all."""


class GateClosed(WarehouseError):
    """A critical expectation failed: the rows or the release are held back."""


class ApprovalNeeded(GateClosed):
    """The release has warnings that readers' release does not have, and waits for a person who accepts them."""


class NotDelivered(WarehouseError):
    """Somebody who should have been told of an incident was not. Worth another try later."""


class NothingNew(WarehouseError):
    """There was nothing to do, which is an outcome and not a failure."""


class NotDue(NothingNew):
    """The publisher does not publish today, so it was not asked."""


class NotConfigured(NothingNew):
    """An optional source lacks what the user has to give it, such as a key."""


class BuilderBusy(WarehouseError):
    """Another process holds the builder's lock."""


class DamagedFile(WarehouseError):
    """The builder's file cannot be read any more. The archive has all that it was made of."""


class DiskFailed(WarehouseError):
    """The disk is full or cannot be written to. Worth another try once it can be."""


class UnsafeQuery(WarehouseError):
    """A query typed by a user is more than one SELECT over the release."""


class QueryFailed(WarehouseError):
    """A query that may run has failed: a name that is not there, a type that does not fit."""


class NoRelease(WarehouseError):
    """There is no release to read, or not the one that was asked for."""


class UploadFailed(WarehouseError):
    """A release is not in object storage. The local one is as it was; worth another try later."""


class ArchiveDamaged(WarehouseError):
    """Answers of publishers are lost from the archive, or are not what they were. Only a backup has them."""


class BackupFailed(WarehouseError):
    """A backup was not made, not in full, or cannot be read back. The home is as it was."""
