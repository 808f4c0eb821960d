"""The tensor R1CS: values, gadgets, blocks, the checker and the expansion to ordinary rows."""
