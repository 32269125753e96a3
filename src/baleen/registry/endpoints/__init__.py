"""The endpoints of the API: each module answers for one kind of path.

A handler gets the service, the route, the request and who makes it, after rights were checked; it
returns the response or raises ApiError.
"""
