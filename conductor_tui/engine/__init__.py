"""Who runs when: the engine that moves tasks from the plan to the run's branch.

It knows agents, hosts, git and checks only by their ports, and owns every asyncio task.
Faces send it commands and follow the state; it never calls them.
"""
