"""The commands of the papers, registered as a plug-in's would be."""
