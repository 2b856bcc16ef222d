"""The network in torch, for training. `guardrails.detectors.ner.network` is the same in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from guardrails.detectors.ner.decode import TAGS
from guardrails.detectors.ner.tokens import SHAPES


@dataclass(frozen=True)
class Size:
    """Sizes of the network."""

    rows: int = 40_960
    embedding: int = 64
    hidden: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8)


class Network(nn.Module):
    """Sums of hashed feature rows, a projection, residual dilated convolutions, tag scores."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Parameter(torch.randn(size.rows, size.embedding) * 0.1)
        self.shape = nn.Parameter(torch.randn(2 * SHAPES, size.embedding) * 0.3)
        self.project = nn.Linear(size.embedding, size.hidden)
        self.convolutions = nn.ModuleList(nn.Linear(3 * size.hidden, size.hidden) for _ in size.dilations)
        self.output = nn.Linear(size.hidden, TAGS)
        self.dropout = nn.Dropout(0.15)
        with torch.no_grad():
            for convolution in self.convolutions:
                convolution.weight.mul_(0.5)

    def words(self, rows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """Vectors of distinct words from their features."""
        return functional.embedding_bag(rows, self.table, offsets, mode="sum", per_sample_weights=weights)

    def forward(self, words: Tensor, word: Tensor, shape: Tensor, present: Tensor) -> Tensor:
        """Tag scores, (batch, length, TAGS); `present` is false on padding."""
        kept = present.unsqueeze(-1).to(words.dtype)
        x = self.dropout(functional.embedding(word, words) + functional.embedding(shape, self.shape))
        x = functional.relu(self.project(x)) * kept
        for dilation, convolution in zip(self.size.dilations, self.convolutions, strict=True):
            before = functional.pad(x, (0, 0, dilation, 0))[:, :-dilation]
            after = functional.pad(x, (0, 0, 0, dilation))[:, dilation:]
            step = functional.relu(convolution(torch.cat((before, x, after), dim=-1)))
            x = (x + self.dropout(step)) * kept
        return self.output(x)
