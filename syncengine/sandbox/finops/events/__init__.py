"""What finops tells of its writes: business events and data events, to the endpoints that are registered for them."""
