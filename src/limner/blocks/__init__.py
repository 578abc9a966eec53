"""Parts that papers merely use, one idea a file. What a paper claims stays in its own file, in `systems`.

Rooms import in one direction only, each from those before it:

    modes, latent       eval mode and full precision; noise and knobs
    text                encoders of sentences, their vectors
    layers              convolutions, doublings, conditioning augmentation, initial weights
    vision              encoders of pictures, captioners
    discriminators      of pictures with a text and alone
    losses              adversarial, matching, penalties, pre-training of encoders
    export, cascade, growing, pretrained_text    what systems put together from these
"""
