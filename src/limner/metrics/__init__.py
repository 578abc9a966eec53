"""Metrics, one in a file; `limner.evaluation` combines them, `docs/metrics.md` explains them."""

from limner.metrics.attributes import Accuracy, attribute_accuracy, attribute_cosine
from limner.metrics.bleu import bleu, bleu_against, self_bleu, sentence_bleu
from limner.metrics.clip import clip_score
from limner.metrics.dialogues import answered
from limner.metrics.diversity import diversity
from limner.metrics.edits import Move, Removal, changed_outside, extent_of_change, kept_identity, move, removal
from limner.metrics.features import Extractor, Inception, collect
from limner.metrics.frechet import frechet_distance
from limner.metrics.identity import Identity, change_outside, identity, overlap, rewording_ratio, silhouette
from limner.metrics.inception_score import inception_score
from limner.metrics.kernel import kernel_distance
from limner.metrics.layouts import area_under_curve, counts_within, iou, matched_iou
from limner.metrics.linear_probe import linear_probe
from limner.metrics.ms_ssim import ms_ssim_of_pairs
from limner.metrics.neighbours import Neighbours, nearest
from limner.metrics.ngrams import jensen_shannon, novelty
from limner.metrics.places import box_overlap, correct_key_points, standing_boxes
from limner.metrics.precision_recall import precision_recall
from limner.metrics.r_precision import in_folds, r_precision, text_ranks
from limner.metrics.sliced_wasserstein import sliced_wasserstein
from limner.metrics.spectrum import high_frequency_power
from limner.metrics.ssim import ssim
from limner.metrics.stories import (
    Consistency,
    StoryAccuracy,
    Things,
    by_property,
    consistency,
    f1,
    required_so_far,
    story_accuracy,
)
from limner.metrics.uncertainty import interval
from limner.metrics.verification import k_means, verification

__all__ = [
    "Accuracy",
    "Consistency",
    "Extractor",
    "Identity",
    "Inception",
    "Move",
    "Neighbours",
    "Removal",
    "StoryAccuracy",
    "Things",
    "answered",
    "area_under_curve",
    "attribute_accuracy",
    "attribute_cosine",
    "bleu",
    "bleu_against",
    "box_overlap",
    "by_property",
    "change_outside",
    "changed_outside",
    "clip_score",
    "collect",
    "consistency",
    "correct_key_points",
    "counts_within",
    "diversity",
    "extent_of_change",
    "f1",
    "frechet_distance",
    "high_frequency_power",
    "identity",
    "in_folds",
    "inception_score",
    "interval",
    "iou",
    "jensen_shannon",
    "k_means",
    "kept_identity",
    "kernel_distance",
    "linear_probe",
    "matched_iou",
    "move",
    "ms_ssim_of_pairs",
    "nearest",
    "novelty",
    "overlap",
    "precision_recall",
    "r_precision",
    "removal",
    "required_so_far",
    "rewording_ratio",
    "self_bleu",
    "sentence_bleu",
    "silhouette",
    "sliced_wasserstein",
    "ssim",
    "standing_boxes",
    "story_accuracy",
    "text_ranks",
    "verification",
]
