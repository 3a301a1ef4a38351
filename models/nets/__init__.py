"""Networks in torch, for training and export only; serving never imports this folder."""
