"""Networks: from images (B,3,H,W) to features (B,d), and from features to predictions."""
