"""git: mirrors, worktrees, merge checks, push.

repositories.py  the door: every operation, one writer at a time
mirror.py        mirror and pool of a repository; bringing finished work from one to the other
worktrees.py     workspaces: create, adopt, heal, remove
included.py      files that are not in git, brought into them
rescue.py        uncommitted work: onto the branch, or into a rescue ref
rescued.py       those refs: listed, and dropped in time
clone.py         a person's own clone, with the person's own git
push.py          remote branches, with a lease
side_branch.py   files beside the code, on a branch of their own
merge.py         conflicts, distance, changed files, diffs
search.py        files of a commit
command.py       the one way to run git
shadow.py        looking at a workspace without its configuration
refs.py          reading the pool's branches without git
branch_names.py  whether a branch's name is free beside others
records.py, places.py, locks.py, leftover_locks.py, values.py, errors.py
"""

from integrations.git.errors import (
    AuthRefused,
    BadName,
    BranchTaken,
    CloneFailed,
    CommandFailed,
    DetachedHead,
    DiskFull,
    EmptyRepository,
    GitError,
    GitMissing,
    GitTimedOut,
    GitTooOld,
    NoDefaultBranch,
    NotARepository,
    NotAWorkspace,
    NotIncluded,
    OutsideWorkspaces,
    PushRejected,
    RepositoryBusy,
    UnknownRevision,
    Unreachable,
    UnsafeObjects,
    WorkflowPushRefused,
    WorkInProgress,
)
from integrations.git.repositories import Repositories
from integrations.git.values import History, Hit, MergeCheck, Remote, Rescued, Worktree

__all__ = [
    "AuthRefused",
    "BadName",
    "BranchTaken",
    "CloneFailed",
    "CommandFailed",
    "DetachedHead",
    "DiskFull",
    "EmptyRepository",
    "GitError",
    "GitMissing",
    "GitTimedOut",
    "GitTooOld",
    "History",
    "Hit",
    "MergeCheck",
    "NoDefaultBranch",
    "NotARepository",
    "NotAWorkspace",
    "NotIncluded",
    "OutsideWorkspaces",
    "PushRejected",
    "Remote",
    "Repositories",
    "RepositoryBusy",
    "Rescued",
    "UnknownRevision",
    "Unreachable",
    "UnsafeObjects",
    "WorkInProgress",
    "WorkflowPushRefused",
    "Worktree",
]
