"""Classifiers of attributes: the loss of a naive loop, and what counts as right."""

import numpy as np
import torch
from torch.nn import functional as F

from training.catalogue.world import attributes, sample
from training.methods.attribute_heads import AttributeHeads

PRODUCTS = [sample.product(number, split="val", seed=5) for number in range(12)]


def test_the_loss_is_the_mean_over_the_attributes_that_products_have() -> None:
    torch.manual_seed(1)
    heads = AttributeHeads(16)
    embeddings = F.normalize(torch.randn(12, 16), dim=1)
    codes = torch.from_numpy(attributes.codes(PRODUCTS))
    scores = heads(embeddings)
    expected, start = [], 0
    for column, (name, values) in enumerate(attributes.VALUES.items()):
        part = scores[:, start : start + len(values)].log_softmax(dim=1)
        weight = 1 if name in ("category", "colour", "pattern") else 2  # details are learnt last
        expected += [-weight * part[row, code] for row, code in enumerate(codes[:, column]) if code >= 0]
        start += len(values)
    torch.testing.assert_close(heads.loss(scores, codes), torch.stack(expected).mean())


def test_an_attribute_is_right_if_its_own_value_scores_highest() -> None:
    heads = AttributeHeads(16)
    codes = torch.from_numpy(attributes.codes(PRODUCTS))
    starts = np.cumsum([0, *(len(values) for values in attributes.VALUES.values())])[:-1]
    scores = torch.zeros(12, sum(heads.sizes))
    for row, own in enumerate(codes):
        for start, code in zip(starts, own, strict=True):
            if code >= 0:
                scores[row, int(start) + int(code)] = 1.0
    assert heads.right(scores, codes).all()
    scores[0, : heads.sizes[0]] = torch.eye(heads.sizes[0])[(codes[0, 0] + 1) % heads.sizes[0]]
    wrong = ~heads.right(scores, codes)
    assert wrong.nonzero().tolist() == [[0, 0]]
