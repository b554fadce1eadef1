"""Git: worktrees, status, diff, history and the trash."""
