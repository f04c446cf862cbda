"""The interop tool: that it tells what happened, of sides that are well and of broken ones."""
