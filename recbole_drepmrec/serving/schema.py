"""What is asked and answered: the models of requests and responses."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from recbole_drepmrec.inference.bundle import Seen
from recbole_drepmrec.nn import FUSED

MOST_K = 1000
MOST_HISTORY = 1000
MOST_LISTED = 10_000
MOST_COMPARED = 100
MOST_CHARACTERS = 512

Id = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
K = Annotated[int, Field(ge=1, le=MOST_K, description="Length of a list, at most.")]
By = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="Vectors that are compared: `fused`, `behavior` or a modality, as `/health` "
        "lists them.",
        examples=[FUSED],
    ),
]
Run = Annotated[str, Field(description="The run that answered.", examples=["DRepMRec-shop-ab12"])]


def _optional(description: str, examples: list[Any], **limits: Any) -> Any:
    """A field that may be left out, and is not null when it is given."""
    return Field(
        default=None,
        description=description,
        examples=examples,
        json_schema_extra=_without_default,
        **limits,
    )


def _without_default(schema: JsonDict) -> None:
    schema.pop("default", None)


class Asked(BaseModel):
    """A request; a field that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RecommendRequest(Asked):
    """Whom for, and out of what: exactly one of `user` and `history`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["user"]}, {"required": ["history"]}]}
    )

    user: Id = _optional("Raw id of a user of the data.", ["1"])
    history: list[Id] = _optional(
        "Raw ids of the items of somebody who is not in the data.",
        [["50", "181"]],
        min_length=1,
        max_length=MOST_HISTORY,
    )
    k: K = 10
    seen: Seen = Field(
        default="all",
        description="Which known items are left out: `none`, those of `train`, of training and "
        "validation (`valid`), or `all`. A history is left out but for `none`.",
    )
    candidates: list[Id] = _optional(
        "The only items to list; all without it.", [["1", "9", "56"]], max_length=MOST_LISTED
    )
    exclude: list[Id] = Field(
        default=[], description="Items not to list.", max_length=MOST_LISTED, examples=[[]]
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        _exactly_one(self, "user", "history")
        return self


class SimilarRequest(Asked):
    """Like what: exactly one of `items` and `users`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["items"]}, {"required": ["users"]}]}
    )

    items: list[Id] = _optional(
        "Raw ids of items.", [["50"]], min_length=1, max_length=MOST_COMPARED
    )
    users: list[Id] = _optional(
        "Raw ids of users.", [["1"]], min_length=1, max_length=MOST_COMPARED
    )
    k: K = 10
    by: By = FUSED

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        _exactly_one(self, "items", "users")
        return self


class ExplainRequest(Asked):
    """Which score."""

    user: Id = Field(description="Raw id of a user of the data.", examples=["1"])
    item: Id = Field(description="Raw id of an item.", examples=["9"])
    neighbours: int = Field(
        default=10, ge=0, le=MOST_COMPARED, description="Items of the user that are named, at most."
    )


class Place(BaseModel):
    """One place of a list."""

    id: str = Field(description="Raw id.", examples=["50"])
    title: str = Field(
        description="The item's title; empty without one.", examples=["Star Wars (1977)"]
    )
    score: float = Field(description="Dot product, or cosine of what is similar.", examples=[5.85])
    rank: int = Field(description="From 1.", examples=[1])


class RecommendAnswer(BaseModel):
    """The best items, best first."""

    run: Run
    items: list[Place]


class SimilarList(BaseModel):
    """The neighbours of one item or user, nearest first."""

    id: str = Field(description="Whose they are, raw id.", examples=["50"])
    similar: list[Place]


class SimilarAnswer(BaseModel):
    """A list for each item or user, in the order in which they were given."""

    run: Run
    by: str = Field(description="What was compared.", examples=[FUSED])
    lists: list[SimilarList]


class Carrier(BaseModel):
    """One of a user's items."""

    id: str = Field(description="Raw id.", examples=["12"])
    title: str = Field(description="Its title; empty without one.", examples=["Toy Story (1995)"])
    carried: float = Field(description="Its share of the score.", examples=[0.04])


class ExplainAnswer(BaseModel):
    """A score, split in two ways that each add up to it: by part, and by past item."""

    run: Run
    user: str
    item: str
    title: str
    score: float
    parts: dict[str, float] = Field(
        description="Line or modality to its share.", examples=[{"behavior": 3.82, "text": 0.3}]
    )
    neighbours: list[Carrier] = Field(description="The user's items that carried most.")
    others: float = Field(description="What their further items carried together.")
    own: float = Field(description="What no item carried: the user's own vector.")


class Item(BaseModel):
    """An item, and those most like it."""

    id: str = Field(description="Raw id.", examples=["50"])
    title: str = Field(description="Its title; empty without one.", examples=["Star Wars (1977)"])
    neighbours: dict[str, list[str]] = Field(
        description="What was compared, to the ids of the most similar items, nearest first; "
        "without what the item does not have.",
        examples=[{"fused": ["181", "172"]}],
    )


class ItemsAnswer(BaseModel):
    """Some of the items found."""

    run: Run
    total: int = Field(description="Items found in all.", examples=[2])
    offset: int = Field(description="Items before the first one listed.", examples=[0])
    items: list[Item]


class Health(BaseModel):
    """What is served."""

    status: Literal["ok"] = "ok"
    run: Run
    model: str = Field(examples=["DRepMRec"])
    dataset: str = Field(examples=["ml-100k-mm"])
    since: datetime = Field(description="When this run was read.")
    users: int = Field(examples=[943])
    items: int = Field(examples=[1682])
    titles: bool = Field(description="Whether items have titles.")
    by: list[str] = Field(description="What can be compared.", examples=[["fused", "behavior"]])
    version: str = Field(description="Of recbole-drepmrec here.", examples=["0.1.0"])
    trained_with: dict[str, str] = Field(
        description="Versions with which the run was trained.", examples=[{"torch": "2.13.0"}]
    )


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(examples=["the item 'x9' is unknown; /items finds items by title."])


def _exactly_one(request: BaseModel, *names: str) -> None:
    if len(request.model_fields_set & set(names)) != 1:
        raise ValueError(f"give exactly one of `{names[0]}` and `{names[1]}`")
