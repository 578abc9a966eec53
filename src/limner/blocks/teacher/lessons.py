"""What a frozen teacher asks of drawings: that their text be found by them, and that they show what it says.

Also what it tells a discriminator: texts that do not fit, of which half are a caption with one word changed and half
nearly right captions of other pictures. Nets that grow draw pictures of any side; these are brought to the teacher's,
and are asked for what the teacher can name in the real picture of that side.

Letters: B pictures and texts, S side of the teacher's pictures, R that of the drawn ones, A properties, V most values
of one, P width of a text's pooled state, E width of a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.losses.differentiable_augmentation import HAZE, blurred, enlarged
from limner.blocks.losses.energy_score import energy_score
from limner.blocks.losses.hard_negatives import Candidates, HardNegatives
from limner.blocks.modes import full_precision
from limner.blocks.teacher.properties import contradicts, obedience_loss, said_by
from limner.blocks.teacher.teacher import Teacher
from limner.blocks.vision.residual import Features

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

BY_EDIT = 0.5
"""Share of wrong texts that are an edit of the picture's own caption, where there is one."""


def changed(teacher: Teacher, texts: Sequence[str], pooled: Tensor) -> tuple[Tensor, Tensor]:
    """Change one word of each text, random by torch's own generator, so that it says something else.

    Args:
        teacher: whose edits they are.
        texts: B of them.
        pooled: (B, P), their states.

    Returns:
        (B, P) states of the edits, and bool (B,), false where there is none, or its reading does not differ.
    """
    edits, other = teacher.edit(texts), pooled.clone()
    if places := [place for place, text in enumerate(edits) if text is not None]:
        other[places] = teacher.text.pooled([text for text in edits if text is not None])
    return other, contradicts(teacher.read(other), teacher.read(pooled), teacher.properties).any(dim=1)


class Lesson(NamedTuple):
    """What the teacher knows of a batch before anything is drawn."""

    candidates: Candidates
    """A caption of each picture, and thousands of others."""
    pooled: Tensor
    """(B, P) state of that caption."""
    wrong: Tensor
    """(B, P) state of a text that does not fit."""
    is_wrong: Tensor
    """bool (B,), false where none was found that does not fit for sure."""
    rivals: Tensor
    """(B, E) codes of edits of the captions, zero where there is none."""
    value: Tensor
    """int64 (B, A), what each caption says of each property."""
    asked: Tensor
    """bool (B, A), whether it says so for sure, and the real picture of side R shows it."""
    haze: Tensor
    """(B, 3, S, S) noise under which real and drawn pictures are seen."""
    of_real: Features
    """The real pictures, so seen."""

    def without(self, dropped: Tensor) -> Lesson:
        """Ask nothing in rows whose text was dropped, bool (B,)."""
        return self._replace(asked=self.asked & ~dropped[:, None])

    def twice(self) -> Lesson:
        """Return the lesson of 2B drawings, a first and then a second of each text; texts and real pictures stay B."""
        own, places, similarity = self.candidates
        return self._replace(
            candidates=Candidates(own.repeat(2), places, similarity.repeat(2, 1)),
            rivals=self.rivals.repeat(2, 1),
            value=self.value.repeat(2, 1),
            asked=self.asked.repeat(2, 1),
            haze=self.haze.repeat(2, 1, 1, 1),
        )


class Lessons:
    """A teacher, and all captions of the training set as it reads them: derived, so not saved; see `enter`.

    Args:
        teacher: frozen.
        edits: whether captions with one word changed are used.
    """

    def __init__(self, teacher: Teacher, edits: bool = True) -> None:
        self.teacher, self.edits, self.negatives = teacher, edits, HardNegatives()

    def enter(self, data: Dataset) -> None:
        """Read all captions of the training set, and find their edits."""
        text = self.teacher.text
        self.negatives.fill(text, data, text.pooled, text.project)
        self.teacher.find_edits(data)

    @torch.no_grad()
    def prepare(self, real: Tensor, rows: Tensor) -> Lesson:
        """Choose texts for real pictures (B, 3, R, R), rows (B,) of the data, and see what is to be asked."""
        teacher, size = self.teacher, self.teacher.size
        haze = HAZE * torch.randn(len(real), 3, size, size, device=real.device)
        of_real = self.features(real, haze)
        candidates = self.negatives.candidates(teacher.image_codes(of_real), rows)
        with full_precision(real):
            pooled = self.negatives.pooled(candidates.own)
            wrong, is_wrong = self.negatives.sample_hard(candidates)
            others, rivals = self.negatives.pooled(wrong), torch.zeros_like(teacher.text_codes(pooled))
            if self.edits:
                texts = [self.negatives.table.sentences[place] for place in candidates.own.tolist()]
                edit, is_edited = changed(teacher, texts, pooled)
                by_edit = is_edited & (torch.rand(len(real), device=real.device) < BY_EDIT)
                others, is_wrong = torch.where(by_edit[:, None], edit, others), by_edit | is_wrong
                rivals = teacher.text_codes(edit) * is_edited[:, None]
            value, said = said_by(teacher.read(pooled), teacher.properties.unsaid)
            shown = teacher.named(of_real).argmax(dim=2) == value
        return Lesson(candidates, pooled, others, is_wrong, rivals, value, said & shown, haze, of_real)

    def features(self, images: Tensor, haze: Tensor) -> Features:
        """Return the teacher's features of pictures (B, 3, R, R), brought to its side, blurred, under noise."""
        return self.teacher.features(blurred(enlarged(images, self.teacher.size)) + haze)

    def match(self, drawn: Features, lesson: Lesson) -> Tensor:
        """Return the cross-entropy of finding each drawing's own text among thousands and its own edit: (B,).

        0 where nothing is asked, since the text was dropped.
        """
        codes = self.teacher.image_codes(drawn)
        return self.negatives.retrieval_loss(codes, lesson.candidates, self.teacher.sharpness, lesson.rivals)

    def naming(self, drawn: Features, lesson: Lesson) -> Tensor:
        """Return the mean of -log p over what each drawing is asked for and does not yet show: (B,)."""
        return obedience_loss(self.teacher.named(drawn), lesson.value, lesson.asked)

    @staticmethod
    def energy(fake: Tensor, drawn: Features, real: Tensor, lesson: Lesson) -> Tensor:
        """Return the energy score of pixels, pixels pooled by two, and the teacher's maps: (B,).

        The teacher is shown blurred pictures, and pooling blurs: only pixels themselves tell of a chequered grid.

        Args:
            fake: (2B, 3, R, R), a first and then a second drawing of each text.
            drawn: the teacher's features of them.
            real: (B, 3, R, R).
            lesson: of the real pictures.
        """
        halves = [one.chunk(2) for one in (fake, F.avg_pool2d(fake, 2), *drawn.maps)]
        known = (real, F.avg_pool2d(real, 2), *lesson.of_real.maps)
        return energy_score([a for a, _ in halves], [b for _, b in halves], known)
