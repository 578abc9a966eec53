"""The enlarger: a small net that makes an artist's pictures larger, trained on the originals of a data set."""
