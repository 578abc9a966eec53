"""What sees pictures: encoders, pretrained networks, a captioner, heads that look at places."""
