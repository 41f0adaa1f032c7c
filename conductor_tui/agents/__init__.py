"""The agents' protocols: what their programs write becomes signals, answers become lines.

Each protocol is pure (`protocol.AgentProtocol`); `session.ProtocolSession` alone does I/O, over a
process that `hosts` runs. The room knows `domain` only; bootstrap builds agents by `registry`.
"""
