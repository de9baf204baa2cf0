"""The door of the git room: every operation on every repository, one writer at a time for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from integrations.git import merge, search
from integrations.git.command import GitCommand
from integrations.git.errors import GitError, UnknownRevision
from integrations.git.included import Included
from integrations.git.locks import PATIENCE_S, RepositoryLock
from integrations.git.mirror import Mirrors
from integrations.git.places import Places
from integrations.git.push import Push
from integrations.git.records import Records
from integrations.git.refs import list_branches, read_head, unfinished
from integrations.git.rescue import Rescue
from integrations.git.rescued import RescuedWork
from integrations.git.side_branch import commit_files
from integrations.git.values import History, Hit, MergeCheck, Remote, Rescued, Worktree
from integrations.git.worktrees import Worktrees


class Repositories:
    """All git repositories of one Waggle home. Blocking: call it with `asyncio.to_thread`.

    Two places for each repository: `mirrors/<owner>__<name>.git`, which only this class reads and writes, and
    `pool/<owner>__<name>.git`, which borrows the mirror's objects and carries the worktrees in `work/`. What an agent
    could have written to (the pool, a worktree) is never trusted: no command of ours runs with its configuration where
    that could start a program. Calls that write are serialised for each repository, in this process by a thread lock
    and against others by a file lock.

    Parameters:
        home: Waggle's state directory.
        patience_s: seconds to wait for another writer before RepositoryBusy.
    """

    def __init__(self, home: Path, patience_s: float = PATIENCE_S) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.places = Places.under(home)
        self._patience_s = patience_s
        #: told of a repository after each fetch of its mirror, outside of its lock
        self.fetched: Callable[[str], None] = lambda slug: None
        self._git = GitCommand(self.places.home / "git-home")
        self._records = Records(self.places)
        self._mirrors = Mirrors(self._git, self.places)
        self._worktrees = Worktrees(self._git, self.places, self._records, self._mirrors)
        self._included = Included(self._git, self.places)
        self._rescue = Rescue(self._git, self.places, self._mirrors)
        self._rescued = RescuedWork(self._git, self.places)
        self._push = Push(self._git, self.places, self._mirrors)
        self._locks: dict[Path, RepositoryLock] = {}
        self._fetch_began: dict[str, float] = {}
        self._locks_guard = threading.Lock()

    def git_version(self) -> tuple[int, int]:
        """The installed git's version. Raises GitMissing, or GitTooOld below 2.38."""
        return self._git.version()

    # Mirror and pool

    def ensure(self, remote: Remote) -> None:
        """Make the mirror and the pool if they are missing, and fetch them the first time.

        Raises AuthRefused, NotARepository, EmptyRepository, Unreachable (retryable).
        """
        with self._lock(remote.slug).held():
            self._mirrors.ensure(remote)

    def fetch(self, remote: Remote, within_s: float = 0.0) -> None:
        """Bring the mirror up to date with the remote's branches; deleted ones go. Raises as `ensure`.

        Whoever waited for another's fetch, which began after they asked, needs none of their own.

        Parameters:
            within_s: a fetch that began so many seconds ago is new enough.
        """
        asked = time.monotonic() - within_s
        with self._lock(remote.slug).held():
            if self._fetch_began.get(remote.slug, 0.0) >= asked:
                return
            began = time.monotonic()
            self._mirrors.ensure(remote)
            self._mirrors.fetch(remote)
            self._fetch_began[remote.slug] = began
        self.fetched(remote.slug)

    def default_branch(self, remote: Remote) -> str:
        """The branch that the remote's HEAD names, asked at most every five minutes.

        Raises NoDefaultBranch, EmptyRepository.
        """
        return self._mirrors.default_branch(remote)

    def branches(self, slug: str) -> dict[str, str]:
        """The remote's branches and their commits, as of the last fetch."""
        return self._mirrors.branches(slug)

    def pool_branches(self, slug: str) -> dict[str, str]:
        """The branches of the workspaces' repository and their commits, agents' own among them. Reads files only."""
        return list_branches(self.places.pool(slug))

    def resolve(self, slug: str, ref: str) -> str:
        """The commit (40 hex digits) of a remote branch, a full ref or a commit id, as of the last fetch.

        Raises UnknownRevision.
        """
        return self._mirrors.resolve(slug, ref)

    # Workspaces

    def create_workspace(self, slug: str, name: str, branch: str, base_sha: str) -> Worktree:
        """Make `work/<name>` on a new `branch` at `base_sha`, locked against pruning.

        Idempotent: a workspace that is there is adopted with the work in it, a half-made one is completed, one whose
        directory was deleted is made again on its branch. A failure removes what was made, the branch included.

        Raises BranchTaken (with a free name) when the branch is somebody else's, in the remote or here; BadName.
        """
        with self._workspace_lock(name).held():
            with self._lock(slug).held():
                record, made_branch = self._worktrees.register(slug, name, branch, base_sha)
            if record.ready:
                return self._worktrees.seen(record)
            try:
                # The files are most of the work, and several workspaces may be filled at once.
                return self._worktrees.fill(record)
            except GitError:
                with self._lock(slug).held():
                    self._worktrees.roll_back(record, made_branch)
                raise

    def remove_workspace(self, slug: str, name: str, branch: str) -> None:
        """Delete the workspace and the pool's branch, whatever is in them: call `rescue` first. Idempotent.

        Raises OutsideWorkspaces or BadName, and touches nothing then, when the name leads elsewhere or the record says
        that the workspace is another repository's or branch's.
        """
        with self._workspace_lock(name).held(), self._lock(slug).held():
            self._worktrees.remove(slug, name, branch)

    def include(self, path: Path, source: Path, names: Sequence[str]) -> None:
        """Copy files that are not in git into a workspace, over what stands there, and let git ignore them.

        Parameters:
            source: the directory that they lie in; no link in it leads out of it.
            names: relative to it, and to the workspace.

        Raises NotIncluded, NotAWorkspace.
        """
        record = self._worktrees.record_of(path)
        with self._lock(record.slug).held():
            self._included.bring(record, source, names)

    def workspaces(self, slug: str) -> list[Worktree]:
        """All workspaces of a repository; `ready` is false for one that is half-made or whose directory is gone."""
        return self._worktrees.all(slug)

    def every_workspace(self) -> list[Worktree]:
        """All workspaces of this home, whatever their repository."""
        return self._worktrees.every()

    def strange_directories(self) -> list[str]:
        """What lies in the workspace root without a record, or was moved aside: Waggle does not touch it."""
        return self._worktrees.strange()

    def known(self) -> list[str]:
        """Every repository that has a mirror in this home."""
        return self.places.slugs()

    def slug_of(self, path: Path) -> str:
        """The repository that a workspace belongs to. Raises OutsideWorkspaces, NotAWorkspace."""
        return self._worktrees.record_of(path).slug

    def head(self, path: Path) -> str:
        """The commit of a workspace's HEAD. Reads files only. Raises NotAWorkspace, UnknownRevision."""
        record = self._worktrees.record_of(path)
        _, sha = read_head(self.places.admin(record.slug, record.name), self.places.pool(record.slug))
        if sha is None:
            raise UnknownRevision(f"workspace {record.name} has no commit at HEAD")
        return sha

    def current_branch(self, path: Path) -> str | None:
        """The branch of a workspace's HEAD, None when it is detached. An agent may have switched or renamed it."""
        record = self._worktrees.record_of(path)
        return read_head(self.places.admin(record.slug, record.name), self.places.pool(record.slug))[0]

    def in_progress(self, path: Path) -> bool:
        """True in the middle of a rebase, merge, cherry-pick, revert or bisect. Reads files only."""
        record = self._worktrees.record_of(path)
        return unfinished(self.places.admin(record.slug, record.name))

    def dirty(self, path: Path) -> bool:
        """True when something in the workspace is staged, changed, deleted, or new and not ignored."""
        return self._rescue.dirty(self._worktrees.record_of(path))

    def changed_at(self, path: Path) -> float:
        """When something in the workspace last changed, committed or not, in seconds since 1970."""
        return self._rescue.changed_at(self._worktrees.record_of(path))

    def commit_leftovers(self, path: Path, message: str, author: str | None = None) -> str | None:
        """Commit everything uncommitted onto the workspace's current branch; None when there was nothing.

        Parameters:
            author: "Name <address>"; Waggle itself by default.

        Raises WorkInProgress in the middle of a rebase or merge, DetachedHead when on no branch.
        """
        record = self._worktrees.record_of(path)
        with self._lock(record.slug).held():
            return self._rescue.commit(record, message, author)

    def rescue(self, slug: str, path: Path, ref: str, *, collected: bool = False) -> str | None:
        """Save all work of a workspace that is nowhere else at `ref` (below refs/waggle/rescue/) in the mirror.

        Parameters:
            collected: also commits that were collected and are on no branch of the remote: the next ones replace them.

        Staged, changed, untracked and unpushed work, also in the middle of a rebase or on a detached HEAD; ignored
        files are not saved. The workspace stays as it is. Returns the commit, or None when there was nothing to save.
        """
        record = self._worktrees.record_of(path)
        with self._lock(slug).held():
            self._mirrors.drop_locks(slug)
            return self._rescue.save(record, ref, collected=collected)

    def rescued(self, slug: str, workspace: str = "") -> list[Rescued]:
        """What was saved of workspaces, or of one, oldest first."""
        return self._rescued.all(slug, workspace)

    def drop_rescued(self, slug: str, one: Rescued) -> None:
        """Let go of what was saved, for good. Idempotent."""
        with self._lock(slug).held():
            self._mirrors.drop_locks(slug)
            self._rescued.drop(slug, one)

    # Publishing

    def collect(self, slug: str, branch: str) -> str:
        """Bring a branch from the pool into the mirror and return its commit.

        Raises UnknownRevision; UnsafeObjects when git's own check refuses something in it.
        """
        with self._lock(slug).held():
            self._mirrors.drop_locks(slug)
            return self._mirrors.collect(slug, branch)

    def collect_head(self, path: Path) -> str:
        """As `collect`, but the workspace's HEAD wherever it is, filed under the workspace's own branch."""
        sha = self.head(path)
        record = self._worktrees.record_of(path)
        with self._lock(record.slug).held():
            self._mirrors.drop_locks(record.slug)
            return self._mirrors.collect(record.slug, record.branch, sha)

    def push(self, remote: Remote, sha: str, branch: str, expected_old: str | None) -> None:
        """Move the remote's branch to a commit of the mirror. Idempotent.

        Parameters:
            expected_old: where the branch must be for this to be right (the lease); None when it must not exist yet.

        Raises BranchTaken when it should not exist and does, PushRejected when it moved or a rule of the remote
        forbids it, WorkflowPushRefused, AuthRefused, Unreachable.
        """
        with self._lock(remote.slug).held():
            self._mirrors.drop_locks(remote.slug)
            self._push.push(remote, sha, branch, expected_old)

    def add_files(self, remote: Remote, branch: str, files: Mapping[str, bytes], message: str) -> str:
        """Add files to a branch beside the code, push it, and return its commit. Idempotent.

        Raises PushRejected when somebody else moved the branch meanwhile, AuthRefused, Unreachable.
        """
        with self._lock(remote.slug).held():
            parent = self._push.remote_commit(remote, branch)
            if parent is not None and self._mirrors.branches(remote.slug).get(branch) != parent:
                self._mirrors.fetch(remote)
            made = commit_files(self._git, self.places, remote.slug, parent, files, message)
            if made != parent:
                self._push.push(remote, made, branch, parent)
            return made

    def delete_remote_branch(self, remote: Remote, branch: str, expected: str) -> None:
        """Delete a remote branch that is still at `expected`. Idempotent. Raises PushRejected when it moved."""
        with self._lock(remote.slug).held():
            self._push.delete(remote, branch, expected)

    # Reading commits, all in the mirror

    def merge_check(self, slug: str, base_sha: str, head_sha: str) -> MergeCheck:
        """Whether head merges into base without a conflict. Raises UnknownRevision."""
        return merge.merge_check(self._git, self.places.mirror(slug), base_sha, head_sha)

    def changed_files(self, slug: str, base: str, head: str) -> tuple[str, ...]:
        """Paths that head changed since it left base."""
        return merge.changed_files(self._git, self.places.mirror(slug), base, head)

    def changed_together(self, slug: str, base: str, commits: int) -> tuple[tuple[str, ...], ...]:
        """The files of each of the last `commits` commits before `base`, newest first; merges are left out."""
        return merge.changed_together(self._git, self.places.mirror(slug), base, commits)

    def diff(self, slug: str, base: str, head: str, max_bytes: int) -> str:
        """The unified diff since head left base, at most `max_bytes` long, marked when cut."""
        return merge.diff(self._git, self.places.mirror(slug), base, head, max_bytes)

    def history(self, slug: str, base: str, head: str, max_bytes: int) -> History:
        """The change and the words of every commit that head adds to base, each at most `max_bytes` long."""
        return merge.history(self._git, self.places.mirror(slug), base, head, max_bytes)

    def ahead_behind(self, slug: str, base: str, head: str) -> tuple[int, int]:
        """(commits head is ahead of base, commits it is behind)."""
        return merge.ahead_behind(self._git, self.places.mirror(slug), base, head)

    def is_ancestor(self, slug: str, old: str, new: str) -> bool:
        """True when `new` contains `old`."""
        return merge.is_ancestor(self._git, self.places.mirror(slug), old, new)

    def read_file(self, slug: str, sha: str, path: str) -> str | None:
        """A file's text at a commit; None when there is none."""
        return search.read_file(self._git, self.places.mirror(slug), sha, path)

    def list_files(self, slug: str, sha: str) -> tuple[str, ...]:
        """All files of a commit."""
        return search.list_files(self._git, self.places.mirror(slug), sha)

    def grep(self, slug: str, sha: str, words: Sequence[str]) -> list[Hit]:
        """Lines that hold any of the words, case ignored, at most 200."""
        return search.grep(self._git, self.places.mirror(slug), sha, words)

    def _lock(self, slug: str) -> RepositoryLock:
        return self._lock_at(self.places.lock(slug))

    def _workspace_lock(self, name: str) -> RepositoryLock:
        """Held while a workspace is made or removed; taken before the repository's, never after it."""
        return self._lock_at(self.places.workspace_lock(name))

    def _lock_at(self, path: Path) -> RepositoryLock:
        with self._locks_guard:
            if path not in self._locks:
                self._locks[path] = RepositoryLock(path, self._patience_s)
            return self._locks[path]
