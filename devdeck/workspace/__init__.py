"""Workspaces: several repositories as one."""
