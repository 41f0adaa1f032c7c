"""Judges' models on servers: a question goes out, words or the reason why not come back.

What holds for every server (one question at a time, deadlines, retries) is `server`; how a provider
is spoken to is its wire, which is loaded with the first question because its library is heavy.
The room knows `domain` only; bootstrap builds judges by `registry`.
"""
