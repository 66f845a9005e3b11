"""
Training the model: public rows first, then the page comments written for this project.

Needs `requirements/train.lock` (PyTorch). Nothing here is imported by the services. `README.md` has the commands.
"""
