"""What goes over the wire: messages, their conversion to a2p's own types, and errors. Needs the extra `client`."""
