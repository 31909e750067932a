"""What the web page is made of, beside Gradio's own parts: texts in three languages, and the view of a transcript."""
