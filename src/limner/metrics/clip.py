"""CLIP score: how well a picture fits its text by a large network trained on the web."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.errors import UserError

MODEL = "openai/clip-vit-base-patch16"


def clip_score(images: Tensor, texts: Sequence[str], model: str = MODEL, batch: int = 32) -> float:
    """Return the mean of max(100 cos(picture, text), 0) (Hessel et al. 2021, with torchmetrics' factor of 100).

    It says little about small, stylised pictures: the network was trained on photographs.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        texts: N captions.
        model: a Hub id or folder of a CLIP model; it must be on this machine, nothing is downloaded.
        batch: pairs at once.

    Raises:
        UserError: where the package transformers or the model is missing.
    """
    try:
        from transformers import CLIPModel, CLIPProcessor
    except ModuleNotFoundError:
        raise UserError("the CLIP score needs the package transformers: pip install 'limner[clip]'") from None
    try:
        network = CLIPModel.from_pretrained(model, local_files_only=True).eval()
        processor = CLIPProcessor.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError):
        raise UserError(f"no CLIP model {model} on this machine: fetch it with `hf download {model}`") from None
    scores = []
    for start in range(0, len(texts), batch):
        some = [picture for picture in ((images[start : start + batch] + 1) * 127.5).round().clamp(0, 255).byte()]
        inputs = processor(
            text=list(texts[start : start + batch]), images=some, return_tensors="pt", padding=True, truncation=True
        )
        with torch.no_grad():
            found = network(**inputs)
        scores.append(F.cosine_similarity(found.image_embeds, found.text_embeds).clamp_min(0) * 100)
    return float(torch.cat(scores).mean())
