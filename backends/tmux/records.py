"""What tmux says exists: frozen records of sessions and panes, addressed by tmux ids only."""

from __future__ import annotations

import msgspec


class Pane(msgspec.Struct, frozen=True, kw_only=True):
    """One tmux pane."""

    id: str
    """tmux pane id, such as `%3`."""
    window_id: str
    """tmux window id, such as `@2`."""
    window_index: int
    """Index of the window in its session (starts at tmux's `base-index`)."""
    window_name: str
    """Name of the window, as tmux shows it."""
    active: bool
    """Whether this is the active pane of the session's current window."""
    dead: bool
    """Whether the pane's process has ended and the pane remains (`remain-on-exit`)."""
    pid: int
    """Process id of the pane's first process."""
    command: str
    """Name of the foreground command."""
    path: str
    """Current directory of the foreground command; empty when tmux cannot tell."""
    title: str
    """Title set by the program in the pane."""
    width: int
    """Columns."""
    height: int
    """Rows."""
    job_id: str = ""
    """Value of the window's `@devdeck_job` option; empty when the window holds no job."""
    in_front: bool = False
    """Whether this is the active pane of its window."""
    named: bool = False
    """Whether the window's name was given to it, and does not follow what runs in it."""
    member: str = ""
    """Value of the window's `@devdeck_member` option: the repository of a workspace that the window is for."""
    window_width: int = 0
    """Columns of the window."""
    window_height: int = 0
    """Rows of the window."""
    window_layout: str = ""
    """tmux's own description of how the panes of the window lie."""
    zoomed: bool = False
    """Whether one pane of the window fills it for now."""


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """One tmux session."""

    id: str
    """tmux session id, such as `$1`."""
    name: str
    """Session name. For display; never used as a target."""
    path: str
    """Directory that the session was started in."""
    devdeck_id: str = ""
    """Value of the session's `@devdeck_id` option; empty when devdeck did not make it."""
    attached: int = 0
    """How many clients look at it, control-mode clients not counted."""
    created_at: float = 0.0
    """UNIX seconds."""
    activity_at: float = 0.0
    """UNIX seconds of the last output or input."""
    panes: tuple[Pane, ...] = ()

    @property
    def active_pane(self) -> Pane | None:
        """The pane that a client attaching now would see."""
        return next((pane for pane in self.panes if pane.active), self.panes[0] if self.panes else None)
