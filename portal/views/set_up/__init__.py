"""The set-up wizard: environments, companies, checks, summary, solution; a page a question.

Every answer is kept in the session (`draft`); nothing is created before the summary is agreed to.
"""
