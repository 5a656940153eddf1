"""superset/roles.yaml: what no role of ours may do, and that each may do what the one before may."""

from __future__ import annotations

import runpy

import pytest

from warehouse.settings import PROJECT_ROOT
from warehouse.superset import ROLES

PERMISSIONS = runpy.run_path(str(PROJECT_ROOT / "superset" / "roles.py"))["permissions"]()
ADMINS = {
    *("Database", "User", "Role", "Group", "PermissionViewMenu", "ViewMenu", "Permission", "RoleModelView"),
    *("UserDBModelView", "ResetPasswordView", "ImportExportRestApi", "RowLevelSecurity", "Row Level Security"),
    *("SecurityRestApi", "CacheRestApi", "ReportSchedule", "DynamicPlugin", "Theme", "CssTemplate"),
}
LOOKS = {"can_read", "can_get", "can_userinfo", "resetmypassword"}


def test_the_roles_are_those_that_a_user_can_be_given():
    assert (*PERMISSIONS, "admin") == ROLES


def test_each_role_may_do_what_the_one_before_may_and_more():
    assert PERMISSIONS["viewer"] < PERMISSIONS["analyst"] < PERMISSIONS["engineer"]


@pytest.mark.parametrize("role", PERMISSIONS)
def test_none_changes_databases_users_or_roles_or_sees_all(role):
    assert not {p for p in PERMISSIONS[role] if p[1] in ADMINS and p[0] not in LOOKS}
    assert not {p for p in PERMISSIONS[role] if p[0].startswith("all_")}
    assert not {p for p in PERMISSIONS[role] if p[1] in {"User", "Role", "Group", "RoleRestAPI", "Permission"}}
    assert [p[1] for p in PERMISSIONS[role] if p[0].endswith("_access") and p[0] != "menu_access"] == [
        "Dry Powder release"
    ]


def test_a_viewer_has_no_sql_lab_and_writes_no_chart():
    on = {thing for _, thing in PERMISSIONS["viewer"]}
    assert not {thing for thing in on if "SQL" in thing or "Query" in thing or thing in {"TabStateView", "Database"}}
    assert {thing for action, thing in PERMISSIONS["viewer"] if action == "can_write"} == {
        *("DashboardFilterStateRestApi", "DashboardPermalinkRestApi"),
        *("ExploreFormDataRestApi", "ExplorePermalinkRestApi"),
    }
