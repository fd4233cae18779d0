"""What can be asked. Each question takes the served run once; they run in a pool of threads."""

from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from recbole_drepmrec import __version__
from recbole_drepmrec.inference.ranking import Recommended
from recbole_drepmrec.serving.schema import (
    MOST_CHARACTERS,
    Carrier,
    ExplainAnswer,
    ExplainRequest,
    Health,
    Item,
    ItemsAnswer,
    Place,
    Problem,
    RecommendAnswer,
    RecommendRequest,
    SimilarAnswer,
    SimilarList,
    SimilarRequest,
)
from recbole_drepmrec.serving.served import Served


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    meanings = {
        400: "The body is no JSON.",
        404: "A user, an item or a kind of vectors is unknown.",
        413: "The body is too large.",
        414: "The query is too long.",
        422: "A value is missing, malformed or beyond its limit.",
    }
    return {one: {"model": Problem, "description": meanings[one]} for one in statuses}


async def _served(request: Request) -> Served:
    served: Served = request.app.state.current.served
    return served


Run = Annotated[Served, Depends(_served)]
POST = _problems(400, 404, 413, 414, 422)
GET = _problems(413, 414, 422)

router = APIRouter()


@router.post("/recommend", summary="The best items for a user", responses=POST)
def recommend(asked: RecommendRequest, run: Run) -> RecommendAnswer:
    """For a user of the data, or for somebody known by their items only."""
    pool: dict[str, Any] = {"candidates": asked.candidates, "exclude": asked.exclude}
    if asked.user is not None:
        found = run.recommender.recommend([asked.user], asked.k, asked.seen, **pool)
    else:
        keep = asked.seen == "none"
        found = run.recommender.recommend_history(asked.history, asked.k, keep, **pool)
    return RecommendAnswer(run=run.run, items=_places(run, found))


@router.post("/similar", summary="The items or users most alike", responses=POST)
def similar(asked: SimilarRequest, run: Run) -> SimilarAnswer:
    """By the cosine of their fused vectors, of those of the Behavior Line, or of a modality."""
    of_items = asked.items is not None
    ask = run.recommender.similar_items if of_items else run.recommender.similar_users
    given = list(dict.fromkeys(asked.items if of_items else asked.users))
    rows = {
        of: list(own) for of, own in groupby(ask(given, asked.k, asked.by), key=lambda row: row.of)
    }
    lists = [
        SimilarList(id=of, similar=_places(run, rows.get(of, []), titled=of_items)) for of in given
    ]
    return SimilarAnswer(run=run.run, by=asked.by, lists=lists)


@router.post("/explain", summary="What a score is made of", responses=POST)
def explain(asked: ExplainRequest, run: Run) -> ExplainAnswer:
    """What each line and modality gave to a user's score of an item, and each of their items."""
    found = run.recommender.explain(asked.user, asked.item, asked.neighbours)
    carriers = [
        Carrier(id=one.item, title=one.title, carried=one.carried) for one in found.neighbours
    ]
    return ExplainAnswer(run=run.run, **{**vars(found), "neighbours": carriers})


@router.get("/items", summary="Items by title", responses=GET)
def items(
    run: Run,
    search: Annotated[
        str,
        Query(
            max_length=MOST_CHARACTERS,
            description="Words that the title has, in any case, or an item's id; all without.",
            examples=["star wars"],
        ),
    ] = "",
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="Items to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Items listed, at most.")] = 20,
    neighbours: Annotated[
        int, Query(ge=0, le=20, description="Similar items that are named of each, at most.")
    ] = 5,
) -> ItemsAnswer:
    """The item of that id, then titles that begin so, then the others."""
    found = run.search(search)
    ids = [str(run.recommender.items[place]) for place in found[offset : offset + limit]]
    alike = run.neighbours(ids, neighbours)
    listed = [Item(id=one, title=run.recommender.title(one), neighbours=alike[one]) for one in ids]
    return ItemsAnswer(run=run.run, total=len(found), offset=offset, items=listed)


@router.get("/health", summary="What is served, and since when", responses=_problems(413, 414))
async def health(run: Run) -> Health:
    """The run, its model, and the kinds of vectors that can be compared."""
    bundle = run.recommender.bundle
    return Health(
        run=run.run,
        model=bundle.model,
        dataset=bundle.dataset,
        since=run.since,
        users=len(bundle.users),
        items=len(bundle.items),
        titles=bundle.titles is not None,
        by=run.by,
        version=__version__,
        trained_with=bundle.versions,
    )


def _places(run: Served, rows: list[Recommended], titled: bool = True) -> list[Place]:
    return [
        Place(
            id=row.item,
            title=run.recommender.title(row.item) if titled else "",
            score=row.score,
            rank=row.rank,
        )
        for row in rows
    ]
