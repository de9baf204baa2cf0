"""The Web API, a file for each family of methods. Every class gives its methods by Slack's names."""
