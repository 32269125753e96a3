"""Build contexts: what a build is given to take files from, and where it comes from.

    a tar stream of the client        spooled, never unpacked
    a tar at an http(s) URL           the same
    a git repository                  checked out by git, under strict bounds
    a lone Dockerfile                 by any of the ways: a context of one file

A context lives as long as its build. What a crash left is removed at the next start.

- `remote`: which texts are URLs of what. `fetching`: downloads. `git`: checkouts.
- `store`: contexts by build, and reading the Dockerfile and the `.dockerignore` in them.
"""
