"""Measures devdeck from outside and holds it against its targets: `make bench`, `make bench-json`.

What a figure is
    Most figures are ratios: devdeck's time divided by that of a reference that was measured in the same run, in turns
    with it. A ratio stays meaningful on another or a busier machine; milliseconds do not. The column `reference` shows
    both sides in absolute numbers. `target` is an upper limit; `met` says whether the value is within it. `n` is how
    many single measurements are behind the value: medians over the runs, or the 95th percentile over all key presses.

How it is measured
    The real program runs in a pseudo-terminal of 120x40 that answers queries as a terminal with synchronized output
    does. A process of its own (`bench.pump`) stamps every chunk of output with the monotonic clock before anything
    looks at it; the chunks then go through a terminal emulator (pyte), and an event has happened at the stamp of the
    chunk that made its condition true on the screen, outside of a synchronized update. While a program starts, its
    output is only stamped and is judged afterwards, so that the emulator takes no CPU from what it measures.

    The measured programs have their own HOME, XDG folders and tmux server in a temporary folder. Their .pyc files exist
    (everything is compiled and started once before anything is measured); with cold byte code every Python program is
    several times slower to start. Files are in the page cache.

    Keys, tabs, memory and following are measured once a dashboard has read its whole deck: on a busy machine the
    `git status` of a hundred worktrees would otherwise be in the figures, now more and now less.

    CPU is the sum over the program's process tree, children that have ended included, from /proc/PID/stat, in percent
    of one core. Memory is the sum of PSS over the tree (a page shared by two processes counts half for each), RSS where
    the kernel does not tell PSS.

References
    `floor-min`, `floor-table`, `floor-clock` are the smallest Textual programs that do something of the kind
    (`bench.floor`): what the framework costs before devdeck adds anything. Commands are held against what they can't do
    without: an interpreter, git and tmux. Figures with 10 sessions have the suffix `-10`, the others are with 100.

What is not measured
    Terminals differ in how fast they draw; that is not devdeck's time and is not in any figure. Peers are measured only
    where they are installed; the table says which are not.

Options: `python -m bench --help`.
"""
