"""Answers in a destination's own shape, from its declaration.

Guarantees: a destination's refusal of everything is told as it is; what it said of the rows it was sent is kept, with
its positions counted as the sender counts; an answer that does not have the declared shape is not guessed at (`None`).
Linear in the answer and the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Rejection, Reply, Row
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles.declaration import AnswerShape, Condition, Limited
from clyra_proxy.activation.profiles.facts import Sent, batch_facts, ranked, row_facts
from clyra_proxy.activation.profiles.json_body import MISSING, Tokens, dump, look, parse, text_of, tokens_of
from clyra_proxy.activation.profiles.replacing import put
from clyra_proxy.activation.profiles.templates import fill
from clyra_proxy.activation.profiles.waiting import retry_after

_JSON = {"content-type": "application/json"}
_UNDECLARED = AnswerShape()


def holds(condition: Condition, value: Any) -> bool:
    """Whether a value of a body satisfies a condition."""
    found = look(value, tokens_of(condition.at))
    if found is MISSING or found is None:
        return condition.absent
    return text_of(found) in condition.is_in if condition.is_in else bool(found)


def document_of(answer: Answer) -> Any:
    """The JSON value of an answer, MISSING when it has none."""
    try:
        return parse(answer.body) if answer.body.strip() else MISSING
    except UnreadableError:
        return MISSING


def succeeded(answer: Answer, shape: AnswerShape, document: Any) -> bool:
    """Whether the destination did anything at all."""
    if not 200 <= answer.status < 300:
        return False
    return shape.whole_failure is None or not holds(shape.whole_failure, document)


def refuse(shape: AnswerShape, batch: Batch, rejections: Sequence[Rejection], sent: Sent) -> Answer | None:
    """The answer to a batch of which nothing was done; None when the destination has no shape for it."""
    if shape.refused is None:
        return None
    whole = batch_facts(batch, rejections, sent)
    if shape.refused.text:
        text = str(fill(shape.refused.text, whole))
        return Answer(shape.refused.status, text.encode("utf-8", "replace"), {"content-type": shape.refused.media_type})
    because = {one.index: one for one in rejections}
    alone = len(because) == 0
    results, errors = [], []
    for row in batch.rows:
        facts = row_facts(whole, row, because.get(row.index), sent)
        if alone:
            facts |= {name: whole[name] for name in ("message", "code", "rule")}
        refused = alone or row.index in because
        results.append(fill(shape.failure if refused or shape.rest is None else shape.rest, facts))
        if refused:
            errors.append(fill(shape.error, facts))
    body = fill(shape.refused.body, {**whole, "results": results, "errors": errors})
    return Answer(shape.refused.status, dump(body), {"content-type": shape.refused.media_type})


def merge(
    shape: AnswerShape, answer: Answer, batch: Batch, rejections: Sequence[Rejection], sent: Sent
) -> Answer | None:
    """The answer to the rows that were sent, told for all; None when it has another shape than declared."""
    document = document_of(answer)
    if not rejections or not succeeded(answer, shape, document):
        return answer
    status = answer.status if shape.partial_status is None else shape.partial_status
    if shape.results is None and shape.errors is None and not shape.added:
        return answer if status == answer.status else replace(answer, status=status)
    if document is MISSING:
        if answer.body.strip() or shape.results is not None:
            return None
        document = {} if shape.empty is None else shape.empty
    told = _Telling(shape, batch, rejections, sent)
    for step in (told.put_results, told.put_errors, told.put_counts):
        document = step(document)
        if document is MISSING:
            return None
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Answer(status, dump(document), {**headers, **_JSON} if not answer.body.strip() else headers)


class _Telling:
    """One answer being told for all rows."""

    def __init__(self, shape: AnswerShape, batch: Batch, rejections: Sequence[Rejection], sent: Sent) -> None:
        self._shape = shape
        self._because = {one.index: one for one in rejections}
        self._batch = batch
        whole = batch_facts(batch, rejections, sent)
        self._facts = [
            row_facts(whole, row, self._because[row.index], sent) for row in batch.rows if row.index in self._because
        ]
        self._kept = [row for row in batch.rows if row.index not in self._because]

    def put_results(self, document: Any) -> Any:
        shape = self._shape
        if shape.results is None:
            return document
        given = look(document, tokens_of(shape.results))
        if not isinstance(given, list) or len(given) != len(self._kept):
            return MISSING
        told, refused = iter(given), iter(self._facts)
        every = [
            fill(shape.failure, next(refused)) if row.index in self._because else next(told) for row in self._batch.rows
        ]
        return put(document, tokens_of(shape.results), every)

    def put_errors(self, document: Any) -> Any:
        shape = self._shape
        if shape.errors is None:
            return document
        given = look(document, tokens_of(shape.errors))
        if given is MISSING or given is None:
            given = []
        if not isinstance(given, list):
            return MISSING
        every = [self._counted(error) for error in given] + self._filled(shape.error)
        return self._put_more_errors(put(document, tokens_of(shape.errors), every))

    def _put_more_errors(self, document: Any) -> Any:
        for pointer, template in self._shape.more_errors.items():
            if made := self._filled(template):
                found = look(document, tokens_of(pointer))
                made = [*found, *made] if isinstance(found, list) else made
                document = put(document, tokens_of(pointer), made)
        return document

    def _filled(self, template: Any) -> list[Any]:
        return [made for facts in self._facts if (made := fill(template, facts)) is not MISSING]

    def put_counts(self, document: Any) -> Any:
        for pointer, each in self._shape.added.items():
            tokens = tokens_of(pointer)
            found = look(document, tokens)
            before = found if isinstance(found, int) and not isinstance(found, bool) else 0
            document = put(document, tokens, before + each * len(self._facts))
        return document

    def _counted(self, error: Any) -> Any:
        """An error of the destination, with its row counted as the sender counts."""
        at = self._shape.error_index
        row = failed_row(self._shape, error, self._kept)
        if at is None or row is None:
            return error
        here = next(place for place in _places(self._shape, [*self._batch.rows]) if place[2].index == row.index)
        number = here[1]
        found = look(error, tokens_of(at))
        return put(error, tokens_of(at), str(number) if isinstance(found, str) else number)


def _places(shape: AnswerShape, rows: Sequence[Row]) -> list[tuple[str, int, Row]]:
    """Rows as an error's index counts them: in their own list where it names one, else through all."""
    if shape.error_list is not None:
        return list(ranked(rows))
    return [("", at, row) for at, row in enumerate(rows)]


def failed_row(shape: AnswerShape, error: Any, rows: Sequence[Row]) -> Row | None:
    """The row an element of `errors` is about; None when it does not say."""
    if shape.error_index is not None:
        number = text_of(look(error, tokens_of(shape.error_index)))
        where = text_of(look(error, tokens_of(shape.error_list))) if shape.error_list is not None else ""
        for place, at, row in _places(shape, rows):
            if str(at) == number and place == where:
                return row
    if shape.error_key is not None and (key := text_of(look(error, tokens_of(shape.error_key)))):
        return next((row for row in rows if row.key == key), None)
    return None


def reply_of(shape: AnswerShape | None, limited: Sequence[Limited], answer: Answer, batch: Batch) -> Reply:
    """What became of the rows of `batch` (those that were sent), by the destination's own word."""
    document = document_of(answer)
    shape = shape or _UNDECLARED
    if any(one.status == answer.status and (one.when is None or holds(one.when, document)) for one in limited):
        return Reply(limited=True, retry_after=retry_after(answer))
    if not succeeded(answer, shape, document):
        return _all_failed(shape, answer, document, batch)
    failed = _failed(shape, document, batch.rows)
    if failed is None:
        return Reply(acknowledged=len(batch.rows), unknown=True)
    taken = _taken(shape.taken, document)
    silent = shape.results is None and shape.errors is None and taken is None and len(batch.rows) > 1
    return Reply(len(batch.rows) - len(failed) if taken is None else taken, failed, unknown=silent)


def _all_failed(shape: AnswerShape, answer: Answer, document: Any, batch: Batch) -> Reply:
    code = text_of(look(document, tokens_of(shape.whole_code))) if shape.whole_code is not None else ""
    failed = {row.index: code or str(answer.status) for row in batch.rows}
    return Reply(failed=failed, unknown=answer.status >= 500)


def _failed(shape: AnswerShape, document: Any, rows: Sequence[Row]) -> dict[int, str] | None:
    """Index -> code of rows that failed; None when the answer has another shape."""
    code: Tokens = tokens_of(shape.code or "")
    failed: dict[int, str] = {}
    if shape.results is not None:
        given = look(document, tokens_of(shape.results))
        if not isinstance(given, list) or len(given) != len(rows):
            return None
        for row, result in zip(rows, given, strict=True):
            if _result_failed(shape, result):
                failed[row.index] = text_of(look(result, code)) or "failed"
    given = look(document, tokens_of(shape.errors)) if shape.errors is not None else []
    for number, error in enumerate(given if isinstance(given, list) else []):
        row_failed = failed_row(shape, error, rows)
        index = row_failed.index if row_failed is not None else -1 - number  # a failure of a row it does not name
        failed[index] = text_of(look(error, code)) or "failed"
    return failed


def _result_failed(shape: AnswerShape, result: Any) -> bool:
    if shape.failed is not None:
        return holds(shape.failed, result)
    return shape.succeeded is not None and not holds(shape.succeeded, result)


def _taken(pointer: str | None, document: Any) -> int | None:
    found = look(document, tokens_of(pointer)) if pointer is not None else MISSING
    return found if isinstance(found, int) and not isinstance(found, bool) else None
