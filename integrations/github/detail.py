"""The detail query: everything a decision needs about one pull request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from integrations.github.answers import CommentNode, Context, DetailAnswer, DetailPull
from integrations.github.checks import check_run_state, newest, status_state
from integrations.github.connection import Connection
from integrations.github.degraded import checks_without_checks
from integrations.github.errors import NotFound
from integrations.github.graphql import ask, remember
from integrations.github.values import CheckFact, Comment, PullDetail, PullStateName, Review, Thread

_INSIDERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


def look_closely(connection: Connection, slug: str, number: int, own_login: str) -> PullDetail:
    """One pull request in full.

    Parameters:
        own_login: Waggle's own account, whose comments are not people's.

    Raises NotFound and whatever `graphql.ask` raises.
    """
    owner, name = slug.split("/", 1)
    what = f"look at {slug}#{number}"
    reply = ask(connection, "detail", {"owner": owner, "name": name, "number": number}, DetailAnswer, what)
    remember(connection.limits, reply.data.rate_limit)
    repository = reply.data.repository
    pull = repository.pull_request if repository else None
    if repository is None or pull is None:
        raise NotFound(f"{what}: no such pull request", user_message=f"There is no pull request {slug}#{number}.")
    readable = not any(
        "statusCheckRollup" in (entry.path or ()) and "baseRef" not in (entry.path or ()) for entry in reply.errors
    )
    seen = read_pull(pull, own_login, readable=readable, private=repository.is_private)
    if readable:
        return seen
    return replace(seen, checks=checks_without_checks(connection, slug, seen.head_sha, seen.required))


def read_pull(pull: DetailPull, own_login: str, *, readable: bool, private: bool) -> PullDetail:
    """What an answer says about a pull request. Parts that were not asked for, or did not come, are empty.

    Parameters:
        readable: whether this credential may read checks.
        private: the repository is, so that whoever can speak belongs to it.
    """
    contexts = pull.status_check_rollup.contexts if pull.status_check_rollup else None
    required = _required(pull)
    threads = tuple(_threads(pull, own_login, private))
    closed_by = _closed_by(pull)
    conversation = [_comment(node, private) for node in (pull.comments.known if pull.comments else ())]
    everybody = list(conversation)
    everybody += [comment for thread in threads for comment in thread.comments]
    return PullDetail(
        state=cast(PullStateName, pull.state.lower()),
        head_sha=pull.head_ref_oid,
        merged_by=pull.merged_by.login if pull.merged_by else None,
        merged_by_is_user=pull.merged_by.is_user if pull.merged_by else False,
        merge_commit=pull.merge_commit.oid if pull.merge_commit else None,
        closed_by=closed_by[0] if closed_by else None,
        closed_by_is_user=closed_by[1] if closed_by else False,
        checks=newest(_check(node, required) for node in (contexts.known if contexts else ())),
        base_checks=_base_checks(pull),
        required=required,
        threads=threads,
        people_comments=tuple(
            sorted(
                (comment for comment in everybody if comment.author_is_user and comment.author != own_login),
                key=lambda comment: comment.created_at,
            )
        ),
        reviews=tuple(
            Review(
                author=node.author.login if node.author else "",
                author_is_user=node.author.is_user if node.author else False,
                state=node.state,
                body=node.body,
                commit=node.commit.oid if node.commit else "",
                submitted_at=node.submitted_at,
                id=node.id,
                url=node.url,
                insider=_insider(node.author_association, private),
            )
            for node in (pull.reviews.known if pull.reviews else ())
        ),
        bot_comments=tuple(
            one for one in conversation if not one.author_is_user and not same_account(one.author, own_login)
        ),
        complete=not (contexts and contexts.page_info and contexts.page_info.has_next_page),
        checks_readable=readable,
        labels=tuple(label.name for label in pull.labels.known) if pull.labels else (),
    )


def _required(pull: DetailPull) -> tuple[str, ...]:
    """Names that branch protection or a ruleset demands. Protection itself is hidden from non-admins; these are not."""
    if pull.base_ref is None:
        return ()
    names: set[str] = set()
    if pull.base_ref.ref_update_rule is not None:
        names.update(name for name in pull.base_ref.ref_update_rule.required_status_check_contexts or () if name)
    for rule in pull.base_ref.rules.known if pull.base_ref.rules else ():
        if rule.parameters is not None:
            names.update(check.context for check in rule.parameters.required_status_checks)
    return tuple(sorted(names))


def _base_checks(pull: DetailPull) -> tuple[CheckFact, ...]:
    """What the checks say at the head of the base branch; none where this credential may not read them."""
    commit = pull.base_ref.target if pull.base_ref else None
    contexts = commit.status_check_rollup.contexts if commit and commit.status_check_rollup else None
    return newest(_check(node, ()) for node in (contexts.known if contexts else ()))


def _check(node: Context, required: tuple[str, ...]) -> CheckFact:
    if node.typename == "StatusContext":
        return CheckFact(
            name=node.context,
            kind="status",
            state=status_state(node.state),
            conclusion=node.state.lower(),
            url=node.target_url or "",
            required=node.is_required or node.context in required,
            description=node.description or "",
            started_at=node.created_at,
        )
    suite = node.check_suite
    run = suite.workflow_run if suite else None
    return CheckFact(
        name=node.name,
        kind="check",
        state=check_run_state(node.status, node.conclusion),
        conclusion=(node.conclusion or node.status).lower(),
        url=node.details_url or "",
        job_id=node.database_id,
        required=node.is_required or node.name in required,
        app=suite.app.slug if suite and suite.app else "",
        workflow=run.workflow.name if run and run.workflow else "",
        run_id=run.database_id if run else None,
        description=node.title or "",
        started_at=node.started_at,
    )


def _insider(association: str, private: bool) -> bool:
    """In a private repository everybody who can speak belongs to it, also where membership itself is hidden."""
    return private or association in _INSIDERS


def _threads(pull: DetailPull, own_login: str, private: bool) -> Iterator[Thread]:
    for node in pull.review_threads.known if pull.review_threads else ():
        comments = tuple(
            _comment(comment, private, node.path, node.line, node.id)
            for comment in (node.comments.known if node.comments else ())
        )
        by = node.resolved_by
        yield Thread(
            node.id,
            node.path,
            node.line,
            node.is_resolved,
            node.is_outdated,
            comments,
            resolved_by=by.login if by else "",
            resolved_by_user=by.is_user and not same_account(by.login, own_login) if by else False,
            own=bool(comments) and same_account(comments[0].author, own_login),
        )


def same_account(login: str, other: str) -> bool:
    """Whether two logins are one account: an App is `waggle[bot]` over REST and `waggle` among GraphQL's authors."""
    return login.removesuffix("[bot]") == other.removesuffix("[bot]")


def _comment(node: CommentNode, private: bool, path: str = "", line: int | None = None, thread_id: str = "") -> Comment:
    author = node.author
    return Comment(
        id=node.id,
        author=author.login if author else "",
        author_is_user=author.is_user if author else False,
        body=node.body,
        url=node.url,
        created_at=node.created_at,
        path=path,
        line=line,
        thread_id=thread_id,
        insider=_insider(node.author_association, private),
        commit=node.original_commit.oid if node.original_commit else "",
    )


def _closed_by(pull: DetailPull) -> tuple[str, bool] | None:
    """Who closed it last without merging, unless it was reopened since."""
    events = pull.timeline_items.known if pull.timeline_items else ()
    if not events or events[-1].typename != "ClosedEvent" or any(event.typename == "MergedEvent" for event in events):
        return None
    actor = events[-1].actor
    return (actor.login, actor.is_user) if actor else None
