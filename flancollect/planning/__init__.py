"""From a request to a plan. Read `request`, `recipe`, `selection`, `resolve`, `task_plan`, `quota`, `plan`."""
