"""The live board: what staff of a venue leave open all day."""
