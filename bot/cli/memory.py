"""`waggle context`: what customers said and what was decided, taken in, searched, forgotten."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import Bench, JsonOption, bench, err, fail, out, print_json, utc_now
from bot.context.ingest import RefusedFile
from bot.context.search import SearchResult
from bot.context.store import ContextStore, Taken

context = typer.Typer(help="Business context: add files, search, show, forget.", no_args_is_help=True)

SourceArgument = Annotated[int, typer.Argument(metavar="ID", help="Number of the source.", show_default=False)]


def _store(place: Bench) -> ContextStore:
    return ContextStore(place.registry, utc_now, place.settings.secrets())


@context.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Notes and transcripts: .md .txt .vtt .srt")],
    as_json: JsonOption = False,
) -> None:
    """Take in files. What is there already is not taken in twice."""
    taken: list[tuple[Path, Taken]] = []
    refused: list[str] = []
    with bench() as place:
        asyncio.run(_add(_store(place), files, place.actor.id, taken, refused))
    if as_json:
        print_json([{"source_id": one.source_id, "path": str(path), "passages": one.passages} for path, one in taken])
    else:
        for path, one in taken:
            out.print(f"{one.source_id:>4}  {one.what}, {one.passages} passages  {escape(str(path))}", highlight=False)
    for why in refused:
        err.print(why, markup=False)
    if refused:
        raise typer.Exit(1)


async def _add(
    store: ContextStore, files: list[Path], actor: str, taken: list[tuple[Path, Taken]], refused: list[str]
) -> None:
    for path in files:
        try:
            taken.append((path, await store.add_file(path, actor=actor)))
        except RefusedFile as why:
            refused.append(why.user_message)


@context.command()
def search(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most results.")] = 10,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Many questions: lines of {id, query, limit, source_id?} on standard input.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find passages, best first."""
    if not jsonl and not text:
        raise typer.BadParameter('Say what to look for: waggle context search "CSV export".')
    with bench() as place:
        store = _store(place)
        if jsonl:
            asyncio.run(_answer_lines(store, limit))
            return
        results = asyncio.run(store.search(" ".join(text or []), limit))
    if as_json:
        print_json([_result_json(one) for one in results])
        return
    if not results:
        out.print("Nothing was found. `waggle context add FILE` takes in notes and transcripts.")
    for one in results:
        who = ", ".join(part for part in (one.speaker, one.customer, one.date, one.title) if part)
        out.print(f"[bold]{one.source_id}[/] [dim]{escape(who)}[/]\n  {escape(one.text)}")


async def _answer_lines(store: ContextStore, limit: int) -> None:
    for question in _questions():
        source = question.get("source_id")
        results = await store.search(
            str(question["query"]), int(question.get("limit", limit)), None if source is None else int(source)
        )
        answer = {"id": question["id"], "results": [_result_json(one) for one in results]}
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _questions() -> Iterator[dict[str, Any]]:
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            question = json.loads(line)
        except ValueError:
            fail(f'Line {number} of the input is not JSON. Write {{"id": 1, "query": "…", "limit": 10}}, one a line.')
        if not isinstance(question, dict) or not {"id", "query"} <= question.keys():
            fail(f"Line {number} of the input needs the keys id and query.")
        yield question


def _result_json(one: SearchResult) -> dict[str, Any]:
    row = asdict(one)
    keys = ["source_id", "passage_id", "text", "score", "start_s", "end_s", "date", "speaker", "customer", "url"]
    return {key: row[key] for key in keys}


@context.command()
def show(source: SourceArgument, as_json: JsonOption = False) -> None:
    """Show one source."""
    with bench() as place:
        found = asyncio.run(_store(place).show(source))
    if found is None:
        fail(f"There is no source {source}. `waggle context search TEXT` shows their numbers.")
    if as_json:
        row = asdict(found)
        row["passages"] = [
            {"passage_id": one.id, "text": one.text, "speaker": one.speaker, "start_s": one.start_s, "end_s": one.end_s}
            for one in found.passages
        ]
        print_json(row)
        return
    facts = ", ".join(part for part in (found.kind, found.date, found.customer, found.author, found.path) if part)
    out.print(f"[bold]{found.source_id}  {escape(found.title)}[/]\n[dim]{escape(facts)}[/]\n")
    out.print(found.text or "Its words were forgotten.", markup=False)


@context.command()
def forget(source: SourceArgument, as_json: JsonOption = False) -> None:
    """Remove a source's words for good."""
    with bench() as place:
        gone = asyncio.run(_store(place).forget(source, actor=place.actor.id))
    if not gone:
        fail(f"There is no source {source}.")
    if as_json:
        print_json({"ok": True, "source_id": source})
    else:
        out.print(f"Source {source} is forgotten.")
