"""Raw words and varbinds to samples: scale, sentinel, range, derived values. Pure."""
