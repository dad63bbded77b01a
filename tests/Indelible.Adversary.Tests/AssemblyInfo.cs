// Real servers and disks on two cores: one test class at a time keeps timings honest and memory flat.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
