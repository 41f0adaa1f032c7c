"""What tests share: servers, scripts and programs that stand in for the world outside."""
