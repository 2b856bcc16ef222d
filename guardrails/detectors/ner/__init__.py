"""The product's own recogniser of persons, places and organisations: tokens, network, decoding.

Everything here is a pure function over read-only arrays: safe in several threads without a lock.
"""
