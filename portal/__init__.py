"""The web portal: pages, addresses that environments call, and the processes around them."""
