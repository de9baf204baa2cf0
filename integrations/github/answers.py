"""The shapes of GitHub's GraphQL answers, as far as our queries ask. Anything may be null: GitHub answers in part."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

T = TypeVar("T")


class Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Nodes(Shape, Generic[T]):
    nodes: tuple[T | None, ...] | None = None

    @property
    def known(self) -> tuple[T, ...]:
        return tuple(node for node in self.nodes or () if node is not None)


class Total(Shape):
    total_count: int = 0


class Quota(Shape):
    cost: int = 0
    limit: int = 0
    remaining: int = 0
    reset_at: datetime


class Actor(Shape):
    login: str = ""
    typename: str = Field(default="", alias="__typename")

    @property
    def is_user(self) -> bool:
        return self.typename == "User"


class Oid(Shape):
    oid: str


class StateCount(Shape):
    state: str
    count: int


class ContextCounts(Shape):
    total_count: int = 0
    check_run_counts_by_state: tuple[StateCount, ...] | None = None
    status_context_counts_by_state: tuple[StateCount, ...] | None = None


class RollupCounts(Shape):
    state: str
    contexts: ContextCounts | None = None


class Label(Shape):
    name: str


class NodesAnswer(Shape, Generic[T]):
    """The answer to a query for nodes by id, in the order of the ids."""

    rate_limit: Quota | None = None
    nodes: tuple[T | None, ...] = ()


class LightNode(Shape):
    """A node of the light query. Its type is checked before its other fields are believed."""

    typename: str = Field(default="", alias="__typename")
    id: str = ""
    number: int = 0
    url: str = ""
    state: str = ""
    is_draft: bool = False
    updated_at: datetime | None = None
    mergeable: str = "UNKNOWN"
    merge_state_status: str = "UNKNOWN"
    review_decision: str | None = None
    head_ref_name: str = ""
    head_ref_oid: str = ""
    base_ref_name: str = ""
    base_ref_oid: str = ""
    total_comments_count: int | None = 0
    reviews: Total | None = None
    review_threads: Total | None = None
    labels: Nodes[Label] | None = None
    status_check_rollup: RollupCounts | None = None


class LightAnswer(NodesAnswer[LightNode]):
    pass


class App(Shape):
    slug: str = ""


class Workflow(Shape):
    name: str = ""


class WorkflowRun(Shape):
    database_id: int | None = None
    workflow: Workflow | None = None


class CheckSuite(Shape):
    app: App | None = None
    workflow_run: WorkflowRun | None = None


class Context(Shape):
    """A check run or a commit status; `typename` says which."""

    typename: str = Field(alias="__typename")
    is_required: bool = False
    # of a check run
    database_id: int | None = None
    name: str = ""
    status: str = ""
    conclusion: str | None = None
    title: str | None = None
    details_url: str | None = None
    started_at: datetime | None = None
    check_suite: CheckSuite | None = None
    # of a commit status
    context: str = ""
    state: str = ""
    target_url: str | None = None
    description: str | None = None
    created_at: datetime | None = None


class PageInfo(Shape):
    has_next_page: bool = False
    end_cursor: str | None = None


class Contexts(Nodes[Context]):
    page_info: PageInfo | None = None


class Rollup(Shape):
    state: str
    contexts: Contexts | None = None


class ReviewNode(Shape):
    id: str = ""
    url: str = ""
    author_association: str = ""
    state: str
    submitted_at: datetime | None = None
    body: str = ""
    author: Actor | None = None
    commit: Oid | None = None


class CommentNode(Shape):
    id: str
    created_at: datetime
    body: str = ""
    url: str = ""
    author_association: str = ""
    author: Actor | None = None
    original_commit: Oid | None = None


class ThreadNode(Shape):
    id: str
    is_resolved: bool = False
    is_outdated: bool = False
    resolved_by: Actor | None = None
    path: str = ""
    line: int | None = None
    comments: Nodes[CommentNode] | None = None


class TimelineNode(Shape):
    typename: str = Field(default="", alias="__typename")
    actor: Actor | None = None


class RefUpdateRule(Shape):
    required_status_check_contexts: tuple[str | None, ...] | None = None


class RequiredCheck(Shape):
    context: str


class RuleParameters(Shape):
    required_status_checks: tuple[RequiredCheck, ...] = ()


class Rule(Shape):
    parameters: RuleParameters | None = None


class BaseCommit(Shape):
    status_check_rollup: Rollup | None = None


class BaseRef(Shape):
    target: BaseCommit | None = None
    ref_update_rule: RefUpdateRule | None = None
    rules: Nodes[Rule] | None = None


class DetailPull(Shape):
    id: str
    state: str
    head_ref_oid: str
    merged_by: Actor | None = None
    merge_commit: Oid | None = None
    labels: Nodes[Label] | None = None
    timeline_items: Nodes[TimelineNode] | None = None
    base_ref: BaseRef | None = None
    reviews: Nodes[ReviewNode] | None = None
    comments: Nodes[CommentNode] | None = None
    review_threads: Nodes[ThreadNode] | None = None
    status_check_rollup: Rollup | None = None


class Threads(Nodes[ThreadNode]):
    total_count: int = 0


class Privacy(Shape):
    is_private: bool = False


class MediumNode(DetailPull):
    """A node of the medium query. Its type is checked before its other fields are believed."""

    typename: str = Field(default="", alias="__typename")
    id: str = ""
    state: str = ""
    head_ref_oid: str = ""
    review_threads: Threads | None = None
    repository: Privacy | None = None


class MediumAnswer(NodesAnswer[MediumNode]):
    pass


class DetailRepository(Shape):
    is_private: bool = False
    pull_request: DetailPull | None = None


class DetailAnswer(Shape):
    rate_limit: Quota | None = None
    repository: DetailRepository | None = None


class ThreadRepliesAnswer(Shape):
    """What stands in one review thread; `node` is None where there is none any more."""

    rate_limit: Quota | None = None
    node: ThreadNode | None = None


class NothingAsked(Shape):
    """The answer to a mutation of which only the success counts."""


class ViewerAnswer(Shape):
    rate_limit: Quota | None = None
    viewer: Actor


class ErrorEntry(Shape):
    """One entry of an answer's `errors`. GitHub's timeouts have no type, only a sentence."""

    type: str = ""
    message: str = ""
    path: tuple[str | int, ...] | None = None


class Envelope(BaseModel, Generic[T]):
    """A whole answer: data, errors, or both."""

    data: T | None = None
    errors: tuple[ErrorEntry, ...] = ()
