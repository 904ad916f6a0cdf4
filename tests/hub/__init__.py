"""A small Hub on the loopback device: as much of its HTTP interface as the real clients use to read and write.

`store` is what a Hub holds, `server` answers requests over HTTP, `api`, `uploads` and `downloads` say what to
answer, `faults` makes it fail on purpose. `client` is for the tests, which publish and pull.
"""

from tests.hub.faults import Fault
from tests.hub.server import Asked, Hub, serving
from tests.hub.store import Commit, File, Repo, User, repo_of

__all__ = ["Asked", "Commit", "Fault", "File", "Hub", "Repo", "User", "repo_of", "serving"]
