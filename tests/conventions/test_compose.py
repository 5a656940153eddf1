"""docker-compose.yml and its Dockerfiles: what they name exists, and nothing stands open.

No engine is asked. That the services do run so is `make test-services`.
"""

from __future__ import annotations

import ast
import fnmatch
import importlib.resources
import json
import re
import subprocess
import sys

import jsonschema
import pytest
import typer
from dotenv import dotenv_values

from tests import compose
from tests.compose import Refused, environment, image, instructions, interpolate, interpolated, mounts, raw, variables
from warehouse import secrets_file, serving, superset, yaml_files
from warehouse.cli import app
from warehouse.settings import PROJECT_ROOT, Settings

SERVICES = raw()["services"]
LASTING = sorted(name for name, service in SERVICES.items() if "restart" in service)
ONCE = sorted(set(SERVICES) - set(LASTING))
DOCKERFILES = sorted((PROJECT_ROOT / "deploy").glob("*.Dockerfile"))
DEMANDED = {name for name, how in variables(raw()) if how == ":?"}
AIRFLOW = {
    "airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "builder",
}  # fmt: skip


def secrets() -> dict[str, str]:
    return {name: f"value-of-{name}" for name in DEMANDED}


def sizes(name: str) -> dict[str, str]:
    return {k: v or "" for k, v in dotenv_values(PROJECT_ROOT / "deploy" / f"{name}.env").items()}


def settled(size: str = "small") -> dict:
    return interpolated(raw(), {**sizes(size), **secrets()})


def text_of(node) -> str:
    return json.dumps(node)


# ------------------------------------------------------------------------------------------------------- the shape


@pytest.mark.parametrize("size", ["small", "large"])
def test_it_is_what_composes_schema_describes(size):
    schema = json.loads(
        (importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
    )
    jsonschema.validate(raw(), schema)
    jsonschema.validate(settled(size), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"x": {"imago": "y"}}}, schema)


def test_these_are_the_services():
    assert set(SERVICES) == AIRFLOW | {
        "postgres", "postgres-init", "redis", "backup", "superset-init", "superset", "superset-worker",
    }  # fmt: skip
    assert ONCE == ["airflow-init", "postgres-init", "superset-init"]


def test_what_a_service_waits_for_is_there_and_comes_to_that():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == expected, f"{name} waits for {other}"


# ------------------------------------------------------------------------------------------------------- variables


def test_it_refuses_to_start_without_each_secret():
    assert len(DEMANDED) >= 12
    for name in DEMANDED:
        with pytest.raises(Refused, match=f"^{name}: run `make secrets`$"):
            interpolated(raw(), secrets() | {name: ""})
    interpolated(raw(), secrets())


def test_what_is_demanded_is_what_the_command_writes():
    assert set(secrets_file.demanded(compose.COMPOSE)) == DEMANDED
    assert all(name.endswith(("_PASSWORD", "_KEY", "_SECRET")) for name in DEMANDED)


def test_every_variable_is_demanded_or_explained():
    explained = (PROJECT_ROOT / ".env.example").read_text()
    for name, how in variables(raw()):
        if how != ":?":
            assert name in sizes("small") or re.search(rf"(?m)^#? ?{name}=", explained), f"{name} is explained nowhere"


def test_a_variable_has_one_default_and_the_small_file_says_it():
    defaults: dict[str, set[str]] = {}
    for name, word in re.findall(r"\$\{(\w+):-([^}]*)\}", compose.COMPOSE.read_text()):
        defaults.setdefault(name, set()).add(word)
    assert {name: words for name, words in defaults.items() if len(words) > 1} == {}
    small = sizes("small")
    assert small.pop("COMPOSE_PROFILES") == "small"
    assert small == {name: defaults[name].pop() for name in small}
    resources = {
        n for n, how in variables(raw()) if how == ":-" and re.search(r"(CPUS|MEMORY|CONCURRENCY|WORKERS)$", n)
    }
    assert resources <= set(small)


def test_the_large_size_sets_what_the_small_one_does_and_is_nowhere_smaller():
    small, large = sizes("small"), sizes("large")
    assert set(small) <= set(large)
    for name, value in small.items():
        if value[0].isdigit():
            assert _number(large[name]) >= _number(value), name


def _number(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)([kmg]?)b?", text)
    return float(found[1]) * 1024 ** " kmg".index(found[2] or " ")


def test_a_profile_that_a_service_has_is_one_of_the_sizes():
    sized = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert sized == {"superset-worker": ["large"]}
    assert sizes("large")["COMPOSE_PROFILES"] == "large"


def test_workers_get_every_setting_of_the_warehouse():
    known = {field.metadata["variable"] for field in Settings.__dataclass_fields__.values()}
    of_backups = {"WAREHOUSE_BACKUP", "WAREHOUSE_BACKUP_KEEP", "WAREHOUSE_METADATA_URLS"}
    of_pages = {name for name in known if name.endswith("_PORT")}
    for name in ("worker", "builder"):
        passed = {n for n in SERVICES[name]["environment"] if n.startswith("WAREHOUSE_")}
        assert passed == known - of_backups - of_pages, name
    assert of_backups <= set(SERVICES["backup"]["environment"])


def test_workers_watch_the_place_that_backups_go_to():
    made = SERVICES["backup"]["environment"]["WAREHOUSE_BACKUP"].partition(" ")[0]
    assert {SERVICES[name]["environment"]["WAREHOUSE_BACKUP_WATCHED"] for name in ("worker", "builder")} == {made}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name):
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|_KEY$|TOKEN|FERNET", key) and value is not None:
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {key}"
        for credentials in re.findall(r"://[^/@:]+:([^@]+)@", str(value)):
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", credentials), f"{name}: {key}"


# ------------------------------------------------------------------------------------------------ what stands open


def test_only_web_pages_are_published_and_only_here():
    published = {name: service["ports"] for name, service in settled()["services"].items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:8080:8080"], "superset": ["127.0.0.1:8088:8088"]}
    assert "8080" in text_of(SERVICES["api-server"]["environment"])
    assert "0.0.0.0:8088" in text_of(SERVICES["superset"]["environment"])
    assert not any("expose" in service for service in SERVICES.values())


def test_superset_and_airflow_share_no_network():
    networks = {name: set(service.get("networks", [])) for name, service in SERVICES.items()}
    assert {n for n, joined in networks.items() if joined == {"airflow"}} == AIRFLOW | {"backup"}
    assert {n for n, joined in networks.items() if joined == {"superset"}} == {
        "superset",
        "superset-init",
        "superset-worker",
    }
    assert {n for n, joined in networks.items() if joined == {"airflow", "superset"}} == {"postgres", "redis"}
    assert SERVICES["postgres-init"]["network_mode"] == "none"
    assert set(raw()["networks"]) == {"airflow", "superset"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privilege_and_a_user_that_is_not_root(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & set(service)
    assert "docker.sock" not in text_of(service)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits_and_its_log_an_end(name):
    limits = settled()["services"][name]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert SERVICES[name]["pids_limit"] > 0
    assert {"max-size", "max-file"} <= set(SERVICES[name]["logging"]["options"])


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_lasts_has_a_check_of_its_health_and_time_to_end(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["stop_grace_period"]


@pytest.mark.parametrize("name", ONCE)
def test_what_runs_once_is_not_started_again_and_again(name):
    assert not {"restart", "healthcheck"} & set(SERVICES[name])


def test_there_is_one_builder_with_one_slot_and_time_to_finish():
    takers = {n for n, service in SERVICES.items() if "builder" in service.get("command", [])}
    assert takers == {"builder"}
    command = SERVICES["builder"]["command"]
    assert command[command.index("--concurrency") + 1] == "1"
    assert command[command.index("--queues") + 1] == "builder"
    assert SERVICES["builder"]["deploy"]["replicas"] == 1
    assert SERVICES["builder"]["stop_grace_period"] == "15m"
    command = SERVICES["worker"]["command"]
    assert command[command.index("--queues") + 1] == "default"


# --------------------------------------------------------------------------------------------------- what is mounted


def test_superset_sees_the_folder_of_releases_and_cannot_write_there():
    for name in ("superset", "superset-init", "superset-worker"):
        (data,) = [m for m in mounts(SERVICES[name]) if m.kind == "volume"]
        assert (data.source, data.target, data.read_only) == ("warehouse", "/data", True)
        assert SERVICES[name]["user"] != SERVICES["builder"]["user"]


def test_only_who_works_with_the_warehouse_can_write_it():
    writers = {n for n, s in SERVICES.items() for m in mounts(s) if m.source == "warehouse" and not m.read_only}
    assert writers == {"worker", "builder", "backup"}
    assert all(m.read_only for s in SERVICES.values() for m in mounts(s) if m.kind == "bind")


def test_every_volume_is_named_used_and_made_for_its_user():
    used = {m.source for s in SERVICES.values() for m in mounts(s) if m.kind == "volume"}
    assert used == set(raw()["volumes"])
    made = image(PROJECT_ROOT / "deploy" / "airflow.Dockerfile")
    for name in [n for n, s in SERVICES.items() if "airflow" in s.get("build", {}).get("dockerfile", "")]:
        for mount in mounts(SERVICES[name]):
            if mount.kind == "volume":
                assert mount.target in made.owned, f"{name}: nobody but root could write {mount.target}"


def test_every_folder_of_the_project_that_is_mounted_is_there():
    for name, service in settled()["services"].items():
        for mount in mounts(service):
            if mount.kind == "bind":
                assert (PROJECT_ROOT / mount.source).is_dir(), f"{name}: {mount.source}"


# ------------------------------------------------------------------------------------------------------------ images


def test_images_are_pinned_and_ours_are_built_from_files_that_are_there():
    for name, service in SERVICES.items():
        repository, _, tag = service["image"].partition(":")
        if "build" in service:
            assert tag == "${DRYPOWDER_VERSION:-0.1.0}"
            assert (PROJECT_ROOT / service["build"]["dockerfile"]) in DOCKERFILES, name
        else:
            assert repository in {"postgres", "redis"}
            assert re.fullmatch(r"\d+\.\d+(\.\d+)?-bookworm", tag), f"{name}: {tag}"
    assert SERVICES["postgres"]["image"] == SERVICES["postgres-init"]["image"]


def test_the_version_of_our_images_is_the_projects():
    version = re.search(r'(?m)^version = "(.+)"', (PROJECT_ROOT / "pyproject.toml").read_text())[1]
    assert f"${{DRYPOWDER_VERSION:-{version}}}" in compose.COMPOSE.read_text()


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.name)
def test_a_dockerfile_starts_from_one_pinned_python_and_ends_as_the_services_user(dockerfile):
    steps = instructions(dockerfile)
    bases = {rest.split()[0] for word, rest in steps if word == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases.pop())
    users = {
        s["user"] for s in SERVICES.values() if s.get("build", {}).get("dockerfile") == f"deploy/{dockerfile.name}"
    }
    assert users == {image(dockerfile).user}
    assert steps[-1][0] == "USER"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.name)
def test_an_image_is_installed_from_the_locks_by_their_hashes_and_keeps_no_tools(dockerfile):
    text = dockerfile.read_text()
    lock = {"airflow.Dockerfile": "production.txt", "superset.Dockerfile": "superset.txt"}[dockerfile.name]
    assert f"--require-hashes {lock}" in re.sub(r"\\\n\s*", "", text)
    assert "--require-hashes -r bootstrap.txt" in text
    installs = re.findall(r"pip install[^&\n]*(?:\\\n[^&\n]*)*|pip sync[^&\n]*", text)
    assert all("--require-hashes" in i or "--no-deps --no-build-isolation" in i for i in installs), installs
    last = text.rpartition("\nFROM ")[2]
    assert image(dockerfile).taken == ["/opt/venv"]
    assert not re.search(r"build-essential|gcc|curl|wget|COPY --from=environment /opt/uv", last)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.name)
def test_what_an_image_copies_is_there_and_not_ignored(dockerfile):
    copied = [source for word, rest in instructions(dockerfile) if word == "COPY" and "--from" not in rest
              for source in rest.split()[:-1]]  # fmt: skip
    assert len(copied) >= 4
    kept = [line[1:] for line in (PROJECT_ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied:
        assert (PROJECT_ROOT / source).exists(), source
        assert any(source == k or source.startswith(f"{k}/") for k in kept), f"{source} is ignored"


def test_supersets_image_has_what_the_guard_of_typed_sql_imports_and_the_guard_imports_no_package_of_ours():
    script = "import sys; before = set(sys.modules); import warehouse.querying; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    ours = {name for name in imported if name.split(".")[0] == "warehouse"}
    assert {name.split(".")[0] for name in imported - ours} <= sys.stdlib_module_names
    made = image(PROJECT_ROOT / "deploy" / "superset.Dockerfile")
    copied = {source for source, target in made.copied if source.startswith("warehouse/") and source == target}
    assert copied == {f"{'/'.join(name.split('.'))}.py" for name in ours - {"warehouse"}} | {"warehouse/__init__.py"}


def test_the_build_context_holds_no_secret_and_no_data():
    lines = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"
    kept = [line[1:] for line in lines if line.startswith("!")]
    for name in (".env", "data", ".git", ".venv", "tests", "docs"):
        assert not any(fnmatch.fnmatch(name, k) for k in kept), name


# --------------------------------------------------------------------------------------------------------- commands


def words() -> dict[str, list[str]]:
    """Every command and health check, by service."""
    found = {}
    for name, service in settled()["services"].items():
        for what in (service.get("command"), service.get("healthcheck", {}).get("test")):
            if what:
                found.setdefault(name, []).append(" ".join(what))
    return found


def test_every_service_of_ours_says_what_it_runs():
    assert set(words()) >= set(SERVICES) - {"postgres"}


def test_every_script_that_is_called_is_there_and_in_the_image():
    called = {
        (name, path) for name, told in words().items() for line in told for path in re.findall(r"deploy/[\w.-]+", line)
    }
    assert len(called) >= 8
    for name, path in called:
        assert (PROJECT_ROOT / path).is_file(), path
        service = SERVICES[name]
        if "build" in service:
            assert ("deploy", "deploy") in image(PROJECT_ROOT / service["build"]["dockerfile"]).copied
        else:
            assert any(m.source == "./deploy" for m in mounts(service))


def test_every_file_that_a_variable_names_is_in_the_image():
    for name, service in SERVICES.items():
        for value in environment(service, {}).values():
            for path in re.findall(r"/opt/drypowder/([\w./]+)", value):
                copied = [target for _, target in image(PROJECT_ROOT / service["build"]["dockerfile"]).copied]
                assert path.split("/")[0] in copied, f"{name}: {path}"
                assert (PROJECT_ROOT / path).exists(), f"{name}: {path}"


def test_every_verb_of_ours_is_one():
    scripts = [p.read_text() for p in (PROJECT_ROOT / "deploy").iterdir() if p.suffix in {".sh", ".py"}]
    code = "\n".join(line for text in scripts for line in text.splitlines() if not line.lstrip().startswith("#"))
    called = set(re.findall(r"(?:if|then|do|;|&&|^)\s*drypowder ([a-z-]+)", code, re.MULTILINE))
    assert called == {"backup"}
    verbs = set(typer.main.get_command(app).commands)
    assert called <= verbs


def test_every_airflow_command_takes_the_options_that_it_is_given(tmp_path):
    lines = [line for told in words().values() for line in told if line.startswith("airflow ")]
    scripts = (PROJECT_ROOT / "deploy" / "airflow_init.py").read_text()
    lines += [" ".join(ast.literal_eval(found)) for found in re.findall(r"subprocess\.run\((\[[^]]*\])", scripts)]
    assert len(lines) >= 8
    program = (
        "import json, sys\n"
        "from airflow.cli import cli_parser\n"
        "known = {c.name for c in cli_parser.airflow_commands}\n"
        "parser = cli_parser.get_parser()\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    words = line.split()[1:]\n"
        "    if words[0] in known:\n"
        "        parser.parse_args(words)\n"
        "        print(words[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(lines)],
        capture_output=True, text=True, env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    # `celery` is a provider's, which developers do not install; tests/services runs it.
    assert set(done.stdout.split()) >= {
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "db",
        "rotate-fernet-key",
    }


@pytest.mark.parametrize("script", sorted((PROJECT_ROOT / "deploy").glob("*.sh")), ids=lambda p: p.name)
def test_a_shell_script_can_be_read(script):
    assert subprocess.run(["sh", "-n", str(script)], capture_output=True).returncode == 0


def test_roles_name_only_what_the_auth_manager_knows_and_each_may_more_than_the_one_before():
    told = yaml_files.read(PROJECT_ROOT / "deploy" / "roles.yml")
    assert (*told, "admin") == superset.ROLES
    assert set(serving.ROLES) == set(superset.ROLES), "on one machine they are called the same"
    assert [told[role].get("as") for role in told] == [None, "viewer", "analyst"]
    assert set(told["viewer"].pop("can_edit")) == {"My Password", "My Profile"}
    for role in ("viewer", "analyst"):
        assert not {"can_create", "can_edit", "can_delete"} & set(told[role]), f"{role} changes nothing"
    of_admins = {"Connections", "Users", "Roles", "Permissions", "Passwords", "Configurations"}
    assert not of_admins & {resource for parts in told.values() for what in parts.values() for resource in what}


def test_values_are_put_in_as_compose_does():
    given = {"A": "1", "EMPTY": ""}
    text = "${A} $A ${B:-x} ${A:-x} ${EMPTY:-x} ${A:+y} ${B:+y} $${A} $$A"
    assert interpolate(text, given) == "1 1 x 1 x y  ${A} $A"
    with pytest.raises(Refused):
        interpolate("${EMPTY:?say}", given)
