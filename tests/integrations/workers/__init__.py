"""Many prompts on many workers, one of them killed: the recipes of `notebooks/06_many_prompts.ipynb`.

``python -m tests.integrations.workers`` prints the table; see `__main__`.
"""
