"""How often what a customer did last is recommended, from what they did before.

The last thing that each did is left out, by time, and every item there is is ranked for them, less
what they did before. HR@10 is how often it is among the first ten, NDCG@10 also how high.

    python -m tests.benchmarks.recommendation --data movielens_small [--json FILE]

Beside ours stand popularity, and the item-kNN and ALS of the library `implicit`. What is tuned of
all of them, and of ours, is chosen by the last thing but one, which the data that is learnt from
then lacks, and looked at by nobody when the figures are taken. Cold: of a fifth of the items nobody
is known to have done anything; how often one of these is found where it is what was left out, among
all items, and, harder, among these alone beside a popularity that knows all.

The data is MovieLens' ``ratings.csv.gz`` (userId, movieId, rating, timestamp) and
``movies.csv.gz`` (movieId, title, genres); a rating, whatever it says, is something done.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from app.embeddings import open_embeddings
from app.interest.histories import Histories
from app.interest.ranking import Rank, Score, evaluate
from app.interest.training import Learnt, learn, spread
from memory import Encoder
from memory.collaborative import Liked, liked
from memory.interest import TEXT, attention_over, scored
from memory.types import Floats, Positions
from tests.benchmarks.report import Report

COLD = 0.2
NEIGHBOURS = (20, 50, 100, 200)
FACTORS, CONFIDENCES, REGULARIZATIONS = (32, 64, 128), (1, 5, 20), (0.01, 0.1, 1, 10)


@dataclass
class Data:
    """What customers did, by time, as positions of items; and the items' texts as vectors."""

    histories: list[Positions]
    texts: Floats

    def until(self, left_out: int) -> tuple[list[Positions], list[int]]:
        """The histories less the last so many, and the first of those."""
        before = [history[:-left_out] for history in self.histories]
        return before, [int(history[-left_out]) for history in self.histories]

    def of(self, histories: Sequence[Positions]) -> Histories:
        """Some histories as what the service learns from; whatever was done is liked alike."""
        return Histories(
            [*histories], [np.ones(len(each), np.float32) for each in histories], self.texts
        )


def read(folder: Path, encoder: Encoder) -> Data:
    """Read what is in a folder; a damaged line is left out, and said."""
    with gzip.open(folder / "movies.csv.gz", "rt", encoding="utf-8") as file:
        movies = {row["movieId"]: row for row in csv.DictReader(file)}
    position = {movie: n for n, movie in enumerate(movies)}
    done: dict[str, list[tuple[int, int]]] = {}
    damaged = 0
    with gzip.open(folder / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                found = int(row["timestamp"]), position[row["movieId"]]
            except (KeyError, ValueError):
                damaged += 1
                continue
            done.setdefault(row["userId"], []).append(found)
    texts = [f"{m['title']}\n{m['genres'].replace('|', ', ')}" for m in movies.values()]
    histories = [np.array([item for _, item in sorted(each)]) for each in done.values()]
    print(f"{len(histories)} customers, {sum(map(len, histories))} things done, "
          f"{len(texts)} items, {damaged} damaged lines left out")  # fmt: skip
    return Data([each for each in histories if len(each) > 2], encoder.encode(texts))


# --- the others --------------------------------------------------------------------------


def matrix_of(histories: Sequence[Positions], items: int) -> csr_matrix:
    """Who did something with what, (customers, items)."""
    rows = np.repeat(np.arange(len(histories)), [len(each) for each in histories])
    ones = np.ones(len(rows), np.float32)
    return csr_matrix((ones, (rows, np.concatenate(histories))), (len(histories), items))


def popularity(matrix: csr_matrix) -> Rank:
    """What most did, whoever asks."""
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    return lambda *_: counts


def item_knn(matrix: csr_matrix, neighbours: int) -> Rank:
    """`implicit`'s item-kNN by the cosine."""
    model = CosineRecommender(K=neighbours, num_threads=1)
    model.fit(matrix, show_progress=False)
    scores = matrix @ model.similarity
    return lambda customer, _: np.asarray(scores[customer].todense()).ravel()


def als(
    matrix: csr_matrix, factors: int, confidence: float, regularization: float, seed: int = 0
) -> Rank:
    """`implicit`'s alternating least squares."""
    model = AlternatingLeastSquares(
        factors=factors, alpha=confidence, regularization=regularization, iterations=15,
        random_state=seed, num_threads=1,
    )  # fmt: skip
    with threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    customers, items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda customer, _: items @ customers[customer]


# --- ours --------------------------------------------------------------------------------


def likened(texts: Floats, known: Positions, vectors: Floats, sharpness: float = 20.0) -> Floats:
    """Vectors for items that nobody has done anything with: those of the items like them.

    What was tried for new items: an attention read by text, softmax(sharpness t·T') V.

    Args:
        texts: (n, d) unit vectors of all items' texts.
        known: (k,) positions of those that have vectors.
        vectors: (k, f) unit vectors of these.
        sharpness: of the attention.

    Returns:
        (n, f) unit vectors, the known ones as they are.
    """
    made = np.zeros((len(texts), vectors.shape[1]), np.float32)
    made[known] = vectors
    unknown = np.setdiff1d(np.arange(len(texts)), known)
    if len(known) and len(unknown):
        logits = sharpness * (texts[unknown] @ texts[known].T)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        read = (weights / weights.sum(axis=1, keepdims=True)) @ vectors
        made[unknown] = read / np.maximum(np.linalg.norm(read, axis=1, keepdims=True), 1e-9)
    return made


def ours(
    texts: Floats,
    of: Liked | None,
    learnt: Learnt | None = None,
    forgetting: float | None = None,
    with_likened: bool = False,
) -> Rank:
    """The service's own functions, by the items' texts and, if given, by what others did."""
    popular, vectors = spread(of, len(texts))
    if of is not None and with_likened:
        vectors = likened(texts, np.array([int(one) for one in of.ids]), of.vectors)
    more = {} if forgetting is None else {"forgetting": forgetting}
    share = None if learnt is None else learnt.alone if of is None else learnt.beside

    def rank(_: int, history: Positions) -> Floats:
        weights = attention_over(np.ones(len(history)), **more)
        keys = texts[history]
        if learnt is not None and share is not None:
            keys = learnt.projection.of(keys)
        return scored(
            weights, (keys, texts), (vectors[history], vectors), popular, share or TEXT
        )  # fmt: skip

    return rank


def best_of(
    named: Iterable[tuple[str, Callable[[], Rank]]],
    histories: Sequence[Positions],
    wanted: Sequence[int],
) -> str:
    """The name of what does best by HR@10, then NDCG@10, where it may be tuned."""
    found = {}
    for name, make in named:
        score = evaluate(make(), histories, wanted)
        found[name] = (score.hr, score.ndcg)
        print(f"  tuning: {name:34} {score.hr:.4f} {score.ndcg:.4f}", flush=True)
    return max(found, key=lambda name: found[name])


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="MovieLens' folder, or its two files"
    )
    parser.add_argument("--encoder", default="embedded", help="of the texts (%(default)s)")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    given = options.data[0]
    data = read(given if given.is_dir() else given.parent, open_embeddings(options.encoder))
    report = Report("recommendation", options)
    rows = warm(data, report)
    rows |= cold(data, report)
    print(f"\n{'':44}{'HR@10':>8}{'NDCG@10':>9}{'of':>6}")
    for name, score in rows.items():
        print(f"{name:44}{score.hr:8.4f}{score.ndcg:9.4f}{len(score.hits):6}")
        report.figure(f"HR@10: {name}", score.hr, "", better="more", noise=0)
        report.figure(f"NDCG@10: {name}", score.ndcg, "", better="more", noise=0)
    report.write(options.json)


def warm(data: Data, report: Report) -> dict[str, Score]:
    """All items, as they are."""
    before, wanted = data.until(2)
    matrix = matrix_of(before, len(data.texts))
    knns = {f"item-kNN, {n} neighbours": partial(item_knn, neighbours=n) for n in NEIGHBOURS}
    alss = {
        f"ALS, {f} factors, alpha {c}, {r}": partial(als, factors=f, confidence=c, regularization=r)
        for f, c, r in product(FACTORS, CONFIDENCES, REGULARIZATIONS)
    }
    best = [
        best_of(((name, partial(make, matrix)) for name, make in group.items()), before, wanted)
        for group in (knns, alss)
    ]
    before, wanted = data.until(1)
    matrix = matrix_of(before, len(data.texts))
    of = liked(data.of(before).done())
    learnt = learnt_from(data.of(before), report, "texts")
    systems: dict[str, Rank] = {
        "popularity": popularity(matrix),
        **{name: (knns | alss)[name](matrix) for name in best},
        "ours": ours(data.texts, of, learnt),
        "ours, nothing learnt of texts": ours(data.texts, of),
        "ours, all of the past alike": ours(data.texts, of, forgetting=0),
        "ours, new items as those like them": ours(data.texts, of, with_likened=True),
        "ours, texts alone": ours(data.texts, None, learnt),
        "ours, texts alone, nothing learnt": ours(data.texts, None),
    }
    rows = {}
    for name, rank in systems.items():
        begun = time.perf_counter()
        rows[name] = evaluate(rank, before, wanted)
        if name == "ours":
            took = 1000 * (time.perf_counter() - begun) / len(before)
            report.figure("ranking all items", took, "ms")
            print(f"ours: {took:.1f} ms to rank {len(data.texts)} items for a customer")
    for kind in ("hr", "ndcg"):
        ours_, most = getattr(rows["ours"], kind), getattr(rows["popularity"], kind)
        of_both = max(getattr(rows[name], kind) for name in best)
        alone = getattr(rows["ours, texts alone"], kind)
        report.ratio(f"{kind}, ours / best of implicit", ours_ / of_both, better="more", noise=0,
                     at_least=0.95)  # fmt: skip
        report.ratio(f"{kind}, ours / popularity", ours_ / most, better="more", noise=0,
                     at_least=2)  # fmt: skip
        report.ratio(f"{kind}, texts alone / popularity", alone / most, better="more", noise=0,
                     at_least=1)  # fmt: skip
    return rows


def learnt_from(histories: Histories, report: Report, what: str) -> Learnt:
    """What `train interest` learns; what it says of it, on the last thing but one, is printed."""
    begun = time.process_time()
    learnt = learn(
        histories,
        report=lambda step, loss, ndcg: print(
            f"  learning: step {step}, loss {loss:.3f}, NDCG@10 {ndcg:.4f}", flush=True
        ),
    )
    took = time.process_time() - begun
    report.figure(f"learning of {what}, CPU", took, "s")
    for name, score in learnt.figures.items():
        print(f"  last but one: {name:46} {score.hr:.4f} {score.ndcg:.4f}")
    print(f"  kept: {learnt.wins}; texts count {learnt.alone} alone, {learnt.beside} beside what "
          f"others did; step {learnt.steps}; {took:.0f} s of CPU")  # fmt: skip
    return learnt


def cold(data: Data, report: Report) -> dict[str, Score]:
    """A fifth of the items is new: nobody is known to have done anything with them."""
    before, wanted = data.until(1)
    chance = np.random.default_rng(0)
    touched = np.unique(np.concatenate([*before, np.array(wanted)]))
    new = chance.choice(touched, int(len(touched) * COLD), replace=False)
    only = frozenset(new.tolist())
    # What is known of a customer are the things they did with what is not new.
    histories = [history[~np.isin(history, new)] for history in before]
    kept = [n for n, history in enumerate(histories) if len(history)]
    histories, wanted = [histories[n] for n in kept], [wanted[n] for n in kept]
    everything = popularity(matrix_of(before, len(data.texts)))
    of = liked(data.of(histories).done())
    old = np.setdiff1d(np.arange(len(data.texts)), new)  # when it is learnt, no other is there
    place = np.full(len(data.texts), -1)
    place[old] = np.arange(len(old))
    known = data.of([place[history] for history in histories])
    learnt = learnt_from(replace(known, texts=data.texts[old]), report, "texts but new ones")
    systems = {
        "texts alone": ours(data.texts, None, learnt),
        "texts alone, nothing learnt": ours(data.texts, None),
        "ours": ours(data.texts, of, learnt),
        "ours, nothing learnt of texts": ours(data.texts, of),
        "ours, new items as those like them": ours(data.texts, of, with_likened=True),
    }
    rows = {}
    for name, rank in systems.items():
        rows[f"new items, among all: {name}"] = evaluate(rank, histories, wanted, only=only)
    known_only = popularity(matrix_of(histories, len(data.texts)))
    rows["new items, among all: popularity"] = evaluate(known_only, histories, wanted, only=only)
    for name, rank in {**systems, "popularity that knows": everything}.items():
        rows[f"new items, among these: {name}"] = evaluate(
            rank, histories, wanted, among=new, only=only
        )
    return rows


if __name__ == "__main__":
    main()
