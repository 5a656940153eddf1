"""The arithmetic of the metrics, apart from where the numbers come from: arrays in, arrays or an `Estimate` out.

Nothing here reads a file, a clock or a database. Every function is deterministic (what draws takes a seed), and what is
said of index t is computed from the rows up to t alone: cutting the arrays after t changes no bit of it.
"""
