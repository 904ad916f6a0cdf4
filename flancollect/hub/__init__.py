"""A dataset repository on the Hub, read and written: what it holds, what differs, and how it is brought there."""
