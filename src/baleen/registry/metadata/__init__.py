"""What the registry knows: repositories, which blobs each may use, manifests, tags.

    database     the small interface: run a function in a transaction
    sqlite       the default: one file, writes of many requests in one commit
    schema       the tables, for both
    blobs, manifests, tags, garbage
                 the statements: functions of a transaction, the same SQL for every database

Counted references hold it together. A *link* lets a repository use a blob; `refs` counts the
manifests of that repository that name it. `links` of a blob counts its links. Nothing is removed
while it is counted, and what has just lost its last count stays usable for the grace period.
"""
